#include "checkpoint/scaled_tensor.h"

#include <utility>

#include "checkpoint/stored_matrix.h"

namespace foretell {
namespace {

class ScaledTensor final : public QuantizedTensor {
 public:
  ScaledTensor(const TensorView& weight, std::vector<float> scales, const std::string& name)
      : scales_(std::move(scales)) {
    shape = weight.shape;
    parts = {weight};
    matrix_ = StoredMatrix::of(parts.front(), name);
    description = matrix_.describe() + " with a scale";
  }

  void read(int64_t row, int64_t begin, int64_t end, float* out) const override {
    matrix_.read(row, begin, end, out);
    const auto slice = static_cast<size_t>(row / (matrix_.rows() / static_cast<int64_t>(scales_.size())));
    for (int64_t i = 0; i < end - begin; i++) out[i] *= scales_[slice];
  }

 private:
  StoredMatrix matrix_;
  std::vector<float> scales_;  // one, or one for each slice
};

}  // namespace

std::shared_ptr<const QuantizedTensor> scaled_tensor(const TensorView& weight, const TensorView& scale,
                                                     const std::string& name) {
  const int64_t slices = weight.shape.size() == 3 ? weight.shape.front() : 1;
  if (scale.elements() != 1 && scale.elements() != slices)
    throw Error({.what = "a scale does not fit its matrix",
                 .file = scale.file.string(),
                 .where = name,
                 .expected = slices == 1 ? "1 number" : "1 or " + std::to_string(slices) + " numbers",
                 .found = shape_text(scale.shape)});
  std::vector<float> scales(static_cast<size_t>(scale.elements()));
  read_floats(scale, 0, scale.elements(), scales.data());
  return std::make_shared<ScaledTensor>(weight, std::move(scales), name);
}

}  // namespace foretell
