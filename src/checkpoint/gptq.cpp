// GPTQ's folders as AutoGPTQ and GPTQModel write them (Frantar et al., arXiv:2210.17323):
//   X.qweight  I32 [inputs * bits / 32, outputs]: each column one string of bits down the words, lowest bits first
//   X.qzeros   I32 [groups, outputs * bits / 32]: each row one string of bits; "gptq" has zero points less one, in
//              the code's bits, "gptq_v2" as they are
//   X.scales   [groups, outputs]
//   X.g_idx    I32 [inputs]: the group of each input; may be left out where groups are runs of inputs
// w = (code - zero point) * scale.
#include <algorithm>
#include <array>

#include "checkpoint/quantized_formats.h"
#include "checkpoint/quantized_tensor.h"

namespace foretell {
namespace {

struct Layout {
  int bits = 0;
  int64_t group_size = 0;  // -1: one scale a row
  bool zeros_less_one = true;
  bool own_sizes = false;  // layers may differ in both
};

class GptqTensor final : public IntegerTensor {
 public:
  GptqTensor(const LayerParts& parts, const Layout& layout, int64_t inputs, std::vector<int32_t> input_groups)
      : words_(*parts.find(".qweight")),
        zeros_(*parts.find(".qzeros")),
        scales_(*parts.find(".scales")),
        bits_(layout.bits),
        zeros_less_one_(layout.zeros_less_one) {
    shape = {scales_.shape[1], inputs};
    input_groups_ = std::move(input_groups);
    set_groups(bits_, layout.group_size, false, scales_.dtype);
    description = "GPTQ " + std::to_string(bits_) + "-bit, " + group_text(layout.group_size, inputs) +
                  (input_groups_.empty() ? "" : " in the order of activations");
  }

 protected:
  void unpack(int64_t row, int64_t b, uint8_t* codes) const override {
    std::array<uint32_t, 8> words{};  // 32 codes of `bits` bits are `bits` words
    const int64_t outputs = words_.shape[1], first = b * bits_;
    for (int64_t w = 0; w < std::min<int64_t>(bits_, words_.shape[0] - first); w++)
      words[static_cast<size_t>(w)] = word_at(words_, (first + w) * outputs + row);
    unpack_bits(std::as_bytes(std::span(words)).data(), bits_, block, codes);
  }
  Group group(int64_t row, int64_t g) const override {
    int zero = code_in_row(zeros_, g, row, bits_);
    if (zeros_less_one_) zero = (zero + 1) & ((1 << bits_) - 1);
    return {float_at(scales_, g * scales_.shape[1] + row), zero};
  }

 private:
  TensorView words_, zeros_, scales_;
  int bits_;
  bool zeros_less_one_;
};

Layout read_layout(const QuantizationConfig& config) {
  Layout layout;
  layout.bits = static_cast<int>(config.one_of("bits", {2, 3, 4, 8}));
  layout.group_size = config.integer("group_size").value_or(-1);
  if (layout.group_size != -1 && layout.group_size < 1)
    throw config.error("group_size", "unknown quantization", "-1, or at least 1");
  layout.zeros_less_one = config.one_of("checkpoint_format", {"gptq", "gptq_v2"}, "gptq") == "gptq";
  layout.own_sizes = config.object().contains("dynamic");
  return layout;
}

void join(LayerParts& parts, Layout layout) {
  const TensorView& words = parts.need(".qweight", {DType::I32}, 2);
  const TensorView& scales = parts.need(".scales", float_scales, 2);
  const TensorView& zeros = parts.need(".qzeros", {DType::I32}, 2);
  const int64_t word_bits = words.shape[0] * 32, outputs = words.shape[1], groups = scales.shape[0];
  if (layout.own_sizes && parts.find(".g_idx") != nullptr) {
    const int64_t inputs = parts.need(".g_idx", {DType::I32}, 1).shape[0];
    layout.bits = static_cast<int>(std::min<int64_t>(word_bits / inputs, 8));
    layout.group_size = (inputs + groups - 1) / groups;
  }
  if (const int b = layout.bits; (b != 2 && b != 3 && b != 4 && b != 8) || word_bits % b != 0)
    throw parts.error(".qweight", "unexpected shape", "words that hold whole codes of " + std::to_string(b) + " bits",
                      shape_text(words.shape));
  const int64_t inputs = word_bits / layout.bits;
  if (layout.group_size < 1 || layout.group_size > inputs) layout.group_size = inputs;
  parts.check_shape(".scales", {(inputs + layout.group_size - 1) / layout.group_size, outputs});
  if (zeros.shape[0] != groups || zeros.shape[1] * 32 < outputs * layout.bits)
    throw parts.error(".qzeros", "shape does not fit the layer's other tensors",
                      shape_text({groups, (outputs * layout.bits + 31) / 32}), shape_text(zeros.shape));
  std::vector<int32_t> input_groups = read_input_groups(parts, ".g_idx", inputs, layout.group_size, groups);
  parts.replace(".weight", std::make_shared<GptqTensor>(parts, layout, inputs, std::move(input_groups)),
                {".qweight", ".qzeros", ".scales", ".g_idx"});
}

}  // namespace

void join_gptq(Checkpoint& checkpoint, const QuantizationConfig& config) {
  const Layout layout = read_layout(config);
  for (const std::string& layer : layers_with(checkpoint, ".qweight")) {
    LayerParts parts(checkpoint, layer);
    join(parts, layout);
  }
}

}  // namespace foretell
