#include "checkpoint/float8.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/float16.h"
#include "checkpoint/quantized_formats.h"
#include "checkpoint/quantized_tensor.h"

namespace foretell {
namespace {

// Micikevicius et al., FP8 Formats for Deep Learning, arXiv:2209.05433, table 1.
float e4m3(int bits) {
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  if ((bits & 0x7f) == 0x7f) return std::numeric_limits<float>::quiet_NaN();
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                        : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return (bits & 0x80) != 0 ? -magnitude : magnitude;
}

Float8Values make_values(DType dtype) {
  Float8Values table;
  // E5M2 is the upper half of a 16-bit float.
  for (int i = 0; i < 256; i++)
    table[static_cast<size_t>(i)] = dtype == DType::F8E4M3 ? e4m3(i) : float_from_f16(static_cast<uint16_t>(i << 8));
  return table;
}

// A matrix cut into blocks with a factor each; the last ones may be smaller.
class Float8Tensor final : public QuantizedTensor {
 public:
  Float8Tensor(const TensorView& weight, int64_t block_rows, int64_t block_cols, std::vector<float> factors)
      : codes_(weight.bytes.data()),
        table_(float8_values(weight.dtype)),
        block_rows_(block_rows),
        block_cols_(block_cols),
        factors_(std::move(factors)) {
    shape = weight.shape;
    slice_rows_ = shape[shape.size() - 2];
    blocks_down_ = (slice_rows_ + block_rows - 1) / block_rows;
    blocks_across_ = (cols() + block_cols - 1) / block_cols;
  }

  void read(int64_t row, int64_t begin, int64_t end, float* out) const override {
    const std::byte* codes = codes_ + row * cols();
    const int64_t slice = row / slice_rows_, inside = row % slice_rows_;
    const float* factors = factors_.data() + (slice * blocks_down_ + inside / block_rows_) * blocks_across_;
    for (int64_t c = begin; c < end;) {
      const float factor = factors[c / block_cols_];
      const int64_t block_end = std::min((c / block_cols_ + 1) * block_cols_, end);
      for (; c < block_end; c++) *out++ = table_[static_cast<size_t>(codes[c])] * factor;
    }
  }

 private:
  const std::byte* codes_;
  const Float8Values& table_;
  int64_t block_rows_, block_cols_, slice_rows_ = 0, blocks_down_ = 0, blocks_across_ = 0;
  std::vector<float> factors_;  // [slices, blocks down, blocks across]
};

// The size of blocks along one dimension of n elements that has `scales` scales; 0 where that does not fit.
int64_t block_of(int64_t n, int64_t scales, int64_t said) {
  if (said > 0 && scales == (n + said - 1) / said) return std::min(said, n);
  if (scales == 1) return n;
  return scales == n ? 1 : 0;
}

struct Blocks {
  int64_t rows = 0, cols = 0;
};

// Which part of the weights a scale belongs to, by the shapes of both; sizes of 0 where they do not fit. `said` is
// empty where blocks are not spoken of.
Blocks blocks_of(const std::vector<int64_t>& weight, const std::vector<int64_t>& scale,
                 const std::vector<int64_t>& said) {
  const size_t n = weight.size();
  const int64_t slices = n == 3 ? weight[0] : 1, rows = weight[n - 2], cols = weight[n - 1];
  int64_t scales = 1;
  for (const int64_t size : scale) scales *= size;
  if (scales == 1 && slices == 1) return {rows, cols};
  if (scale.size() == 1) {  // one for each slice, or each row
    if (n == 3) return scale[0] == slices ? Blocks{rows, cols} : Blocks{};
    return scale[0] == rows ? Blocks{1, cols} : Blocks{};
  }
  if (scale.size() != n || (n == 3 && scale[0] != slices)) return {};
  // fbgemm's stacks have inputs first, but some of their scales stand as if outputs were: one for each column.
  if (n == 3 && said.empty() && scale[1] == cols && scale[2] == 1) return {rows, 1};
  const Blocks blocks = {block_of(rows, scale[n - 2], said.empty() ? 0 : said[0]),
                         block_of(cols, scale[n - 1], said.empty() ? 0 : said[1])};
  return blocks.rows == 0 || blocks.cols == 0 ? Blocks{} : blocks;
}

std::string describe(DType dtype, const Blocks& blocks, int64_t rows, int64_t cols) {
  const std::string name(info(dtype).name);
  if (blocks.rows == rows && blocks.cols == cols) return name + ", one scale";
  if (blocks.rows == 1 && blocks.cols == cols) return name + ", one scale a row";
  return name + ", a scale for each block of " + std::to_string(blocks.rows) + "x" + std::to_string(blocks.cols);
}

constexpr auto float8_types = {DType::F8E4M3, DType::F8E5M2};

void join(LayerParts& parts, const std::string& suffix, const std::vector<int64_t>& said) {
  const TensorView& weight = parts.need("", float8_types, -1);
  if (weight.shape.size() != 2 && weight.shape.size() != 3)
    throw parts.error("", "not a matrix", "2 dimensions, or 3 of a stack", shape_text(weight.shape));
  const TensorView& scale = parts.need(suffix, {DType::F32, DType::BF16, DType::F16, DType::F8E8M0, DType::U8}, -1);
  const Blocks blocks = blocks_of(weight.shape, scale.shape, said);
  const int64_t rows = weight.shape[weight.shape.size() - 2], cols = weight.shape.back();
  if (blocks.rows == 0)
    throw parts.error(
        suffix, "scales do not fit the weights",
        "one for the tensor, each row" +
            (said.empty() ? "" : " or block of " + std::to_string(said[0]) + "x" + std::to_string(said[1])) + " of " +
            shape_text(weight.shape),
        shape_text(scale.shape));
  std::vector<float> factors;
  for (int64_t i = 0; i < scale.elements(); i++) factors.push_back(float_at(scale, i));
  auto tensor = std::make_shared<Float8Tensor>(weight, blocks.rows, blocks.cols, std::move(factors));
  tensor->description = describe(weight.dtype, blocks, rows, cols);
  parts.replace("", std::move(tensor), {"", suffix}, {});
}

}  // namespace

const Float8Values& float8_values(DType dtype) {
  static const Float8Values e4m3_values = make_values(DType::F8E4M3), e5m2_values = make_values(DType::F8E5M2);
  return dtype == DType::F8E4M3 ? e4m3_values : e5m2_values;
}

void join_float8(Checkpoint& checkpoint, const std::vector<int64_t>& block_size, bool required) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (std::find(float8_types.begin(), float8_types.end(), tensor.dtype) != float8_types.end() && !tensor.quantized &&
        tensor.shape.size() > 1)
      names.push_back(name);
  for (const std::string& name : names) {
    LayerParts parts(checkpoint, name);
    const char* suffix = parts.find("_scale_inv") != nullptr ? "_scale_inv" : "_scale";
    if (parts.find(suffix) == nullptr && required)
      throw parts.error("", "float8 weights without scales", name + "_scale_inv or " + name + "_scale", "neither");
    if (parts.find(suffix) != nullptr) join(parts, suffix, block_size);
  }
  // The scales of activations mean nothing where products are taken in floats.
  for (const char* suffix : {".input_scale", ".activation_scale", "_activation_scale"})
    if (!names.empty())
      for (const std::string& layer : layers_with(checkpoint, suffix)) checkpoint.tensors.erase(layer + suffix);
}

// A folder of DeepSeek-V3's form (transformers' FineGrainedFP8Config): blocks of 128x128 unless it says otherwise;
// weight_block_size null is one scale for each tensor.
void join_float8(Checkpoint& checkpoint, const QuantizationConfig& config) {
  std::vector<int64_t> block_size = config.sizes("weight_block_size").value_or(std::vector<int64_t>{128, 128});
  if (block_size.size() != 2) throw config.error("weight_block_size", "unexpected value", "two sizes");
  for (const char* name : {"fmt"})
    if (const auto format = config.text(name); format && *format != "e4m3" && *format != "e5m2")
      throw config.error(name, "unknown quantization", "e4m3 or e5m2");
  join_float8(checkpoint, block_size, true);
}

}  // namespace foretell
