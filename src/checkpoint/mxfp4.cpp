// MXFP4 as gpt-oss's folders have it: groups of 32 inputs, each value a 4-bit float (E2M1) and each group a power of
// two (Open Compute Project, Microscaling Formats (MX) Specification 1.0, 2023).
#include <array>
#include <cmath>

#include "checkpoint/quantized_formats.h"
#include "checkpoint/quantized_tensor.h"

namespace foretell {
namespace {

// E2M1's values 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives are halves of whole numbers, which lie 12 above 0 here.
constexpr int zero = 12;
constexpr std::array<uint8_t, 16> code_of = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};

class Mxfp4Tensor final : public IntegerTensor {
 public:
  Mxfp4Tensor(const TensorView& blocks, const TensorView& scales)
      : blocks_(blocks.bytes.data()), scales_(scales.bytes.data()) {
    shape = blocks.shape;
    shape.pop_back();
    groups_ = shape.back();
    shape.back() *= block;
    set_groups(5, block, false, DType::F32);
    description = "MXFP4";
  }

 protected:
  void unpack(int64_t row, int64_t b, uint8_t* codes) const override {
    const std::byte* bytes = blocks_ + (row * groups_ + b) * (block / 2);
    for (int i = 0; i < block / 2; i++) {
      codes[2 * i] = code_of[static_cast<size_t>(bytes[i] & std::byte{15})];
      codes[2 * i + 1] = code_of[static_cast<size_t>(bytes[i] >> 4)];
    }
  }
  Group group(int64_t row, int64_t g) const override {
    return {std::ldexp(1.0F, static_cast<int>(scales_[row * groups_ + g]) - 128), zero};
  }

 private:
  const std::byte *blocks_, *scales_;
  int64_t groups_ = 0;
};

}  // namespace

void join_mxfp4(Checkpoint& checkpoint) {
  for (const std::string& layer : layers_with(checkpoint, "_blocks")) {
    LayerParts parts(checkpoint, layer);
    const TensorView& blocks = parts.need("_blocks", {DType::U8}, -1);
    if ((blocks.shape.size() != 3 && blocks.shape.size() != 4) || blocks.shape.back() != IntegerTensor::block / 2)
      throw parts.error("_blocks", "unexpected shape", "[experts, rows, groups, 16]", shape_text(blocks.shape));
    const TensorView& scales = parts.need("_scales", {DType::U8, DType::F8E8M0}, -1);
    parts.check_shape("_scales", {blocks.shape.begin(), blocks.shape.end() - 1});
    // Exponents of which a value would not be finite: 255 is the format's NaN, those before it overflow.
    for (const std::byte exponent : scales.bytes)
      if (exponent > std::byte{250})
        throw parts.error("_scales", "a scale is out of range", "an exponent of at most 250",
                          std::to_string(static_cast<int>(exponent)));
    parts.replace("", std::make_shared<Mxfp4Tensor>(blocks, scales), {"_blocks", "_scales"});
  }
}

}  // namespace foretell
