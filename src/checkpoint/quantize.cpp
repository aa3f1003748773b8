#include "checkpoint/quantize.h"

#include <algorithm>
#include <cmath>

#include "foretell/error.h"

namespace foretell {

// The formula is that of MLX's affine mode (mlx.core.quantize).
void quantize_affine(std::span<const float> values, int bits, int64_t group_size, std::span<uint8_t> codes,
                     std::span<float> scales, std::span<float> biases) {
  const auto size = static_cast<size_t>(group_size);
  const auto most = static_cast<float>((1 << bits) - 1);
  for (size_t g = 0; g < values.size() / size; g++) {
    const auto group = values.subspan(g * size, size);
    float low = group[0], high = group[0];
    for (const float v : group) {
      if (!std::isfinite(v)) throw Error({.what = "a weight is not finite", .found = std::to_string(v)});
      low = std::min(low, v);
      high = std::max(high, v);
    }
    // The scale has the sign that puts the end of larger magnitude at code 0: that end is then met exactly.
    const bool from_low = std::abs(low) > std::abs(high);
    const float edge = from_low ? low : high;
    float scale = std::max((high - low) / most, 1e-7f) * (from_low ? 1.0f : -1.0f);
    const float steps =
        std::nearbyint(edge / scale);  // from 0 to the edge: a whole number, so that 0 is met exactly too
    if (steps != 0) scale = edge / steps;
    const float bias = steps == 0 ? 0.0f : edge;
    scales[g] = scale;
    biases[g] = bias;
    for (size_t i = 0; i < size; i++)
      codes[g * size + i] = static_cast<uint8_t>(std::clamp(std::nearbyint((group[i] - bias) / scale), 0.0f, most));
  }
}

}  // namespace foretell
