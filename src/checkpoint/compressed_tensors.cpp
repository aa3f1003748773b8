// Folders of the compressed-tensors package (llm-compressor's and vLLM's):
//   pack-quantized   X.weight_packed I32 [rows, words]: a row's codes as one string of bits, lowest bits first;
//                    X.weight_shape [2]; X.weight_scale [rows, groups], [rows, 1] or [1]; X.weight_zero_point
//                    [rows * bits / 32, groups]: each column one string of bits down the words; X.weight_g_idx [cols].
//                    Codes and zero points are stored 2^(bits - 1) higher than they are.
//   int-quantized    X.weight I8 [rows, cols], X.weight_scale, X.weight_zero_point I8 of the same shape
//   float-quantized  X.weight F8_E4M3 and X.weight_scale (float8.cpp)
//   naive-quantized  one of the last two; dense: floats
// w = (code - zero point) * scale. What the tensors' shapes say is not looked up in config_groups.
#include <algorithm>
#include <array>

#include "checkpoint/quantized_formats.h"
#include "checkpoint/quantized_tensor.h"

namespace foretell {
namespace {

constexpr const char* scale_suffix = ".weight_scale";
constexpr const char* zero_suffix = ".weight_zero_point";
constexpr const char* packed_suffix = ".weight_packed";
constexpr const char* order_suffix = ".weight_g_idx";

// Codes of whole bytes or packed ones.
class CompressedTensor final : public IntegerTensor {
 public:
  CompressedTensor(const LayerParts& parts, const TensorView& codes, std::vector<int64_t> weight_shape, int code_bits,
                   int64_t group_size, std::vector<int32_t> input_groups)
      : codes_(codes),
        scales_(*parts.find(scale_suffix)),
        bits_(code_bits),
        scales_a_row_(scales_.elements() == 1     ? 0
                      : scales_.shape.size() == 1 ? 1
                                                  : scales_.shape[1]) {
    if (const TensorView* zeros = parts.find(zero_suffix)) zeros_ = *zeros;
    shape = std::move(weight_shape);
    input_groups_ = std::move(input_groups);
    set_groups(bits_, group_size, !zeros_, scales_.dtype);
    description = "compressed-tensors " + std::to_string(bits_) + "-bit, " +
                  (scales_a_row_ == 0 ? "one scale" : group_text(group_size, cols())) +
                  (input_groups_.empty() ? "" : " in the order of activations");
  }

 protected:
  void unpack(int64_t row, int64_t b, uint8_t* codes) const override {
    if (codes_.dtype == DType::I8) {
      const std::byte* bytes = codes_.bytes.data() + row * cols() + b * block;
      for (int64_t i = 0; i < std::min(block, cols() - b * block); i++)
        codes[i] = static_cast<uint8_t>(bytes[i] ^ std::byte{128});
      return;
    }
    std::array<uint32_t, 8> words{};
    const int64_t count = codes_.shape[1], first = b * bits_;
    for (int64_t w = 0; w < std::min<int64_t>(bits_, count - first); w++)
      words[static_cast<size_t>(w)] = word_at(codes_, row * count + first + w);
    unpack_bits(std::as_bytes(std::span(words)).data(), bits_, block, codes);
  }
  Group group(int64_t row, int64_t g) const override {
    const int64_t index = scales_a_row_ == 0 ? 0 : row * scales_a_row_ + g;
    int zero = 1 << (bits_ - 1);
    if (zeros_ && zeros_->dtype == DType::I8)
      zero += static_cast<int8_t>(zeros_->bytes[static_cast<size_t>(index)]);
    else if (zeros_)
      zero = code_in_column(*zeros_, g, row, bits_);
    return {float_at(scales_, index), zero};
  }

 private:
  TensorView codes_, scales_;
  std::optional<TensorView> zeros_;
  int bits_;
  int64_t scales_a_row_;  // 0: one for all
};

// Checks scales and zero points of a matrix and gives the size of its groups.
int64_t check_groups(const LayerParts& parts, const std::vector<int64_t>& shape, int bits) {
  const TensorView& scale = parts.need(scale_suffix, float_scales, -1);
  const int64_t rows = shape[0], cols = shape[1];
  int64_t groups = 1;
  if (scale.elements() != 1) {
    groups = scale.shape.size() == 2 ? scale.shape[1] : 1;
    if (scale.shape.size() > 2 || scale.shape[0] != rows || groups > cols || cols % groups != 0)
      throw parts.error(scale_suffix, "scales do not fit the weights",
                        "one, or [rows, groups] for " + shape_text(shape), shape_text(scale.shape));
  }
  if (parts.find(zero_suffix) == nullptr) return cols / groups;
  const TensorView& zeros = parts.need(zero_suffix, {DType::I8, DType::I32}, -1);
  if (zeros.dtype == DType::I8)
    parts.check_shape(zero_suffix, scale.shape);
  else
    parts.check_shape(zero_suffix, {(rows * bits + 31) / 32, groups});
  return cols / groups;
}

std::vector<int64_t> read_shape(const LayerParts& parts) {
  const TensorView& stored = parts.need(".weight_shape", {DType::I64, DType::I32}, 1);
  parts.check_shape(".weight_shape", {2});
  std::vector<int64_t> shape;
  for (int64_t i = 0; i < 2; i++) {
    uint64_t size = word_at(stored, stored.dtype == DType::I64 ? 2 * i : i);
    if (stored.dtype == DType::I64) size |= static_cast<uint64_t>(word_at(stored, 2 * i + 1)) << 32;
    shape.push_back(static_cast<int64_t>(size));
    if (shape.back() < 1 || shape.back() > int64_t{1} << 40)
      throw parts.error(".weight_shape", "a size is out of range", "1 to 2^40", std::to_string(shape.back()));
  }
  return shape;
}

void join_packed(LayerParts& parts) {
  const TensorView& packed = parts.need(packed_suffix, {DType::I32}, 2);
  std::vector<int64_t> shape = read_shape(parts);
  int bits = 0;
  for (const int candidate : {2, 3, 4, 5, 6, 8})
    if ((shape[1] * candidate + 31) / 32 == packed.shape[1]) bits = candidate;
  if (bits == 0 || packed.shape[0] != shape[0])
    throw parts.error(packed_suffix, "words do not fit weight_shape",
                      "2, 3, 4, 5, 6 or 8 bits for each of " + shape_text(shape), shape_text(packed.shape));
  const int64_t group_size = check_groups(parts, shape, bits);
  const int64_t groups = shape[1] / group_size;
  std::vector<int32_t> order = read_input_groups(parts, order_suffix, shape[1], group_size, groups);
  parts.replace(".weight",
                std::make_shared<CompressedTensor>(parts, packed, std::move(shape), bits, group_size, std::move(order)),
                {packed_suffix, scale_suffix, zero_suffix, order_suffix, ".weight_shape"});
}

void join_bytes(LayerParts& parts) {
  const TensorView& codes = parts.need(".weight", {DType::I8}, 2);
  constexpr int bits = 8;
  const int64_t group_size = check_groups(parts, codes.shape, bits);
  parts.replace(".weight",
                std::make_shared<CompressedTensor>(parts, codes, codes.shape, bits, group_size, std::vector<int32_t>{}),
                {".weight", scale_suffix, zero_suffix});
}

// [rows, inputs] of the blocks of the first group of layers that has such.
std::vector<int64_t> block_structure(const QuantizationConfig& config) {
  const auto groups = config.object().find("config_groups");
  if (groups == config.object().end() || !groups->is_object()) return {};
  for (const Json& group : *groups) {
    const Json weights = group.is_object() ? group.value("weights", Json()) : Json();
    const Json blocks = weights.is_object() ? weights.value("block_structure", Json()) : Json();
    if (blocks.is_null()) continue;
    const auto size = [](const Json& n) { return n.is_number_integer() && n >= 1 && n <= int64_t{1} << 40; };
    if (!blocks.is_array() || blocks.size() != 2 || !size(blocks[0]) || !size(blocks[1]))
      throw config.error("config_groups", "unexpected block_structure", "[ROWS, INPUTS]");
    return blocks.get<std::vector<int64_t>>();
  }
  return {};
}

}  // namespace

void join_compressed_tensors(Checkpoint& checkpoint, const QuantizationConfig& config) {
  const std::vector<std::string> formats = {"dense",           "pack-quantized",  "int-quantized",
                                            "float-quantized", "naive-quantized", "mixed-precision"};
  config.one_of("format", formats, "dense");
  if (const auto sparsity = config.object().find("sparsity_config");
      sparsity != config.object().end() && sparsity->is_object() && !sparsity->empty())
    if (const Json format = sparsity->value("format", Json("dense")); format != "dense")
      throw config.error("sparsity_config", "sparse weights are not known", "format dense");
  for (const std::string& layer : layers_with(checkpoint, packed_suffix)) {
    LayerParts parts(checkpoint, layer);
    join_packed(parts);
  }
  for (const std::string& layer : layers_with(checkpoint, ".weight")) {
    LayerParts parts(checkpoint, layer);
    if (parts.find(".weight")->dtype == DType::I8) join_bytes(parts);
  }
  join_float8(checkpoint, block_structure(config), true);
  // The scales of activations mean nothing where products are taken in floats.
  for (const char* suffix : {".input_scale", ".input_zero_point", ".output_scale", ".output_zero_point"})
    for (const std::string& layer : layers_with(checkpoint, suffix)) checkpoint.tensors.erase(layer + suffix);
}

}  // namespace foretell
