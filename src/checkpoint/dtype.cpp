#include "checkpoint/dtype.h"

#include <array>

namespace foretell {
namespace {

constexpr std::array table = {
    DTypeInfo{DType::Bool, "BOOL", 1, 1},
    DTypeInfo{DType::U8, "U8", 1, 1},
    DTypeInfo{DType::I8, "I8", 1, 1},
    DTypeInfo{DType::U16, "U16", 1, 2},
    DTypeInfo{DType::I16, "I16", 1, 2},
    DTypeInfo{DType::U32, "U32", 1, 4},
    DTypeInfo{DType::I32, "I32", 1, 4},
    DTypeInfo{DType::U64, "U64", 1, 8},
    DTypeInfo{DType::I64, "I64", 1, 8},
    DTypeInfo{DType::F16, "F16", 1, 2},
    DTypeInfo{DType::BF16, "BF16", 1, 2},
    DTypeInfo{DType::F32, "F32", 1, 4},
    DTypeInfo{DType::F64, "F64", 1, 8},
    DTypeInfo{DType::F8E4M3, "F8_E4M3", 1, 1},
    DTypeInfo{DType::F8E5M2, "F8_E5M2", 1, 1},
    DTypeInfo{DType::F8E4M3FNUZ, "F8_E4M3FNUZ", 1, 1},
    DTypeInfo{DType::F8E5M2FNUZ, "F8_E5M2FNUZ", 1, 1},
    DTypeInfo{DType::F8E8M0, "F8_E8M0", 1, 1},
    DTypeInfo{DType::F6E2M3, "F6_E2M3", 4, 3},
    DTypeInfo{DType::F6E3M2, "F6_E3M2", 4, 3},
    DTypeInfo{DType::F4, "F4", 2, 1},
    DTypeInfo{DType::C64, "C64", 1, 8},
    DTypeInfo{DType::Q4_0, "Q4_0", 32, 18},
    DTypeInfo{DType::Q4_1, "Q4_1", 32, 20},
    DTypeInfo{DType::Q5_0, "Q5_0", 32, 22},
    DTypeInfo{DType::Q5_1, "Q5_1", 32, 24},
    DTypeInfo{DType::Q8_0, "Q8_0", 32, 34},
    DTypeInfo{DType::Q2_K, "Q2_K", 256, 84},
    DTypeInfo{DType::Q3_K, "Q3_K", 256, 110},
    DTypeInfo{DType::Q4_K, "Q4_K", 256, 144},
    DTypeInfo{DType::Q5_K, "Q5_K", 256, 176},
    DTypeInfo{DType::Q6_K, "Q6_K", 256, 210},
    DTypeInfo{DType::Q8_K, "Q8_K", 256, 292},
    DTypeInfo{DType::IQ1_S, "IQ1_S", 256, 50},
    DTypeInfo{DType::IQ1_M, "IQ1_M", 256, 56},
    DTypeInfo{DType::IQ2_XXS, "IQ2_XXS", 256, 66},
    DTypeInfo{DType::IQ2_XS, "IQ2_XS", 256, 74},
    DTypeInfo{DType::IQ2_S, "IQ2_S", 256, 82},
    DTypeInfo{DType::IQ3_XXS, "IQ3_XXS", 256, 98},
    DTypeInfo{DType::IQ3_S, "IQ3_S", 256, 110},
    DTypeInfo{DType::IQ4_NL, "IQ4_NL", 32, 18},
    DTypeInfo{DType::IQ4_XS, "IQ4_XS", 256, 136},
    DTypeInfo{DType::TQ1_0, "TQ1_0", 256, 54},
    DTypeInfo{DType::TQ2_0, "TQ2_0", 256, 66},
    DTypeInfo{DType::MXFP4, "MXFP4", 32, 17},
    DTypeInfo{DType::NVFP4, "NVFP4", 64, 36},
    DTypeInfo{DType::Q1_0, "Q1_0", 128, 18},
};

constexpr bool in_order() {
  for (size_t i = 0; i < table.size(); i++)
    if (static_cast<size_t>(table[i].dtype) != i) return false;
  return table.back().dtype == DType::Q1_0;
}
static_assert(in_order(), "the table has one row for each DType, in the order of the enum");

}  // namespace

const DTypeInfo& info(DType dtype) { return table[static_cast<size_t>(dtype)]; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeInfo& row : table)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}

std::optional<int64_t> tensor_bytes(DType dtype, const std::vector<int64_t>& shape) {
  int64_t elements = 1, bytes = 0;
  for (const int64_t size : shape)
    if (__builtin_mul_overflow(elements, size, &elements)) return std::nullopt;
  const DTypeInfo& layout = info(dtype);
  if (elements % layout.block_elements != 0) return std::nullopt;
  if (__builtin_mul_overflow(elements / layout.block_elements, int64_t{layout.block_bytes}, &bytes))
    return std::nullopt;
  return bytes;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

}  // namespace foretell
