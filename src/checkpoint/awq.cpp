// AWQ's folders as AutoAWQ writes them in version "gemm" (Lin et al., arXiv:2306.00978):
//   X.qweight  I32 [inputs, outputs / 8]: eight outputs of an input a word, in the order 0 2 4 6 1 3 5 7 from the
//              lowest bits on
//   X.qzeros   I32 [groups, outputs / 8]: zero points in the same order
//   X.scales   [groups, outputs]
// w = (code - zero point) * scale.
#include <algorithm>
#include <array>

#include "checkpoint/quantized_formats.h"
#include "checkpoint/quantized_tensor.h"

namespace foretell {
namespace {

constexpr int code_bits = 4, in_word = 8;
constexpr std::array place_of = {0, 4, 1, 5, 2, 6, 3, 7};  // output -> nibble of its word

int nibble(const TensorView& words, int64_t line, int64_t output) {
  const int shift = code_bits * place_of[static_cast<size_t>(output % in_word)];
  return static_cast<int>(word_at(words, line * words.shape[1] + output / in_word) >> shift & 15);
}

class AwqTensor final : public IntegerTensor {
 public:
  AwqTensor(const LayerParts& parts, int64_t group_size)
      : words_(*parts.find(".qweight")), zeros_(*parts.find(".qzeros")), scales_(*parts.find(".scales")) {
    shape = {scales_.shape[1], words_.shape[0]};
    set_groups(code_bits, group_size, false, scales_.dtype);
    description = "AWQ 4-bit, " + group_text(group_size, cols());
  }

 protected:
  void unpack(int64_t row, int64_t b, uint8_t* codes) const override {
    const int64_t first = b * block;
    for (int64_t i = first; i < std::min(first + block, cols()); i++)
      codes[i - first] = static_cast<uint8_t>(nibble(words_, i, row));
  }
  Group group(int64_t row, int64_t g) const override {
    return {float_at(scales_, g * scales_.shape[1] + row), nibble(zeros_, g, row)};
  }

 private:
  TensorView words_, zeros_, scales_;
};

}  // namespace

void join_awq(Checkpoint& checkpoint, const QuantizationConfig& config) {
  // AutoAWQ's own names in its quant_config.json are w_bit and q_group_size; config.json has these.
  config.one_of("bits", {code_bits});
  config.one_of("version", {"gemm", "GEMM"}, "gemm");
  const int64_t said = config.integer("group_size").value_or(128);
  if (said != -1 && said < 1) throw config.error("group_size", "unknown quantization", "-1, or at least 1");
  for (const std::string& layer : layers_with(checkpoint, ".qweight")) {
    LayerParts parts(checkpoint, layer);
    const TensorView& words = parts.need(".qweight", {DType::I32}, 2);
    parts.need(".qzeros", {DType::I32}, 2);
    parts.need(".scales", float_scales, 2);
    const int64_t inputs = words.shape[0], group_size = said == -1 ? inputs : std::min(said, inputs);
    const int64_t groups = (inputs + group_size - 1) / group_size;
    parts.check_shape(".scales", {groups, words.shape[1] * in_word});
    parts.check_shape(".qzeros", {groups, words.shape[1]});
    parts.replace(".weight", std::make_shared<AwqTensor>(parts, group_size), {".qweight", ".qzeros", ".scales"});
  }
}

}  // namespace foretell
