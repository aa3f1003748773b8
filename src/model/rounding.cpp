#include "model/rounding.h"

#include <vector>

#include "checkpoint/quantize.h"

namespace foretell {

void round_nearest(std::span<const float> weights, GroupLayout layout, DType dtype, uint8_t* codes, float* scales,
                   float* biases) {
  const auto size = static_cast<size_t>(layout.group_size);
  std::vector<float> importance(size);
  for (size_t g = 0; g < weights.size() / size; g++) {
    const std::span<const float> group = weights.subspan(g * size, size);
    float mean_square = 0;
    for (const float w : group) mean_square += w * w / static_cast<float>(size);
    // Scaled so that neither large nor small weights leave float's range.
    const float unit = mean_square > 1e-30f && mean_square < 1e30f ? 1 / mean_square : 0;
    for (size_t i = 0; i < size; i++) importance[i] = group[i] * group[i] * unit + 1;
    const AffineGrid grid = fit_grid(group, importance, layout.bits, dtype);
    scales[g] = grid.scale;
    biases[g] = grid.bias;
    for (size_t i = 0; i < size; i++) codes[g * size + i] = nearest_code(grid, layout.bits, group[i]);
  }
}

}  // namespace foretell
