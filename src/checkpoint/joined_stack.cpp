#include "checkpoint/joined_stack.h"

#include <utility>

#include "checkpoint/stored_matrix.h"

namespace foretell {
namespace {

class JoinedStack final : public QuantizedTensor {
 public:
  JoinedStack(const TensorView& gate, const TensorView& up, bool interleaved, const std::string& name)
      : interleaved_(interleaved) {
    shape = {gate.shape[0], 2 * gate.shape[1], gate.shape[2]};
    parts = {gate, up};
    gate_ = StoredMatrix::of(parts[0], name);
    up_ = StoredMatrix::of(parts[1], name);
    description = gate_.describe();
    if (gate_.grouped() && up_.grouped() && gate_.bits() == up_.bits() && gate_.group_size() == up_.group_size() &&
        gate_.scale_dtype() == up_.scale_dtype()) {
      bits = gate_.bits();
      group_size = gate_.group_size();
      scale_dtype = gate_.scale_dtype();
    }
  }

  void read(int64_t row, int64_t begin, int64_t end, float* out) const override {
    const auto [matrix, own] = place(row);
    matrix->read(own, begin, end, out);
  }
  void read_groups(int64_t row, uint8_t* codes, float* scales, float* biases) const override {
    const auto [matrix, own] = place(row);
    matrix->read_groups(own, codes, scales, biases);
  }

 private:
  // Where a row of the result is.
  std::pair<const StoredMatrix*, int64_t> place(int64_t row) const {
    const int64_t each = shape[1] / 2, slice = row / shape[1], inner = row % shape[1];
    const bool second = interleaved_ ? inner % 2 == 1 : inner >= each;
    const int64_t own = interleaved_ ? inner / 2 : inner % each;
    return {second ? &up_ : &gate_, slice * each + own};
  }

  StoredMatrix gate_, up_;
  bool interleaved_;
};

}  // namespace

std::shared_ptr<const QuantizedTensor> joined_stack(const TensorView& gate, const TensorView& up, bool interleaved,
                                                    const std::string& name) {
  if (gate.shape.size() != 3 || gate.shape != up.shape)
    throw Error({.what = "two stacks do not fit one another",
                 .file = gate.file.string(),
                 .where = name,
                 .expected = "the shape " + shape_text(gate.shape),
                 .found = shape_text(up.shape)});
  return std::make_shared<JoinedStack>(gate, up, interleaved, name);
}

}  // namespace foretell
