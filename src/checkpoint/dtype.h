// How the numbers of a stored tensor are laid out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foretell {

enum class DType : uint8_t {
  // safetensors (the reference reader's enum Dtype; most of them can be listed only, not computed with)
  Bool,
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  U64,
  I64,
  F16,
  BF16,
  F32,
  F64,
  F8E4M3,
  F8E5M2,
  F8E4M3FNUZ,
  F8E5M2FNUZ,
  F8E8M0,
  F6E2M3,
  F6E3M2,
  F4,
  C64,
  // GGUF blocks of 32 to 256 values (ggml's block_q8_0 and its kin)
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q8_0,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,
  Q8_K,
  IQ1_S,
  IQ1_M,
  IQ2_XXS,
  IQ2_XS,
  IQ2_S,
  IQ3_XXS,
  IQ3_S,
  IQ4_NL,
  IQ4_XS,
  TQ1_0,
  TQ2_0,
  MXFP4,
  NVFP4,
  Q1_0,
};

struct DTypeInfo {
  DType dtype;
  std::string_view name;  // "F16", as safetensors or GGUF spells it
  int block_elements;     // 1, or the values that share whole bytes
  int block_bytes;        // the bytes of one element or block
};

const DTypeInfo& info(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);
inline bool is_float(DType d) {
  return d == DType::F16 || d == DType::BF16 || d == DType::F32 || d == DType::F64 || d == DType::F8E4M3 ||
         d == DType::F8E5M2;
}

// The bytes of a tensor, row-major without gaps; nothing where that overflows 64 bits or ends inside a block. Sizes are
// not negative.
std::optional<int64_t> tensor_bytes(DType dtype, const std::vector<int64_t>& shape);

std::string shape_text(const std::vector<int64_t>& shape);  // "[2, 3]"

}  // namespace foretell
