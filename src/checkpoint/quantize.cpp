#include "checkpoint/quantize.h"

#include <algorithm>
#include <cmath>

#include "base/float16.h"
#include "foretell/error.h"

namespace foretell {
namespace {

float stored(float value, DType dtype) {
  if (dtype == DType::F16) return float_from_f16(f16_from_float(value));
  return dtype == DType::BF16 ? float_from_bf16(bf16_from_float(value)) : value;
}

float largest_code(int bits) { return static_cast<float>((1 << bits) - 1); }

// The grid of a range, by the formula of MLX's affine mode (mlx.core.quantize).
AffineGrid range_grid(float low, float high, int bits) {
  // The scale has the sign that puts the end of larger magnitude at code 0: that end is then met exactly.
  const bool from_low = std::abs(low) > std::abs(high);
  const float edge = from_low ? low : high;
  const float scale = std::max((high - low) / largest_code(bits), 1e-7f) * (from_low ? 1.0f : -1.0f);
  const float steps = std::nearbyint(edge / scale);  // from 0 to the edge: a whole number, so that 0 is met exactly too
  return steps == 0 ? AffineGrid{scale, 0} : AffineGrid{edge / steps, edge};
}

constexpr size_t lanes = 8;  // values that are taken at once; sums are kept in so many, the same everywhere

struct Lanes {
  float of[lanes] = {};
  float total() const { return ((of[0] + of[1]) + (of[2] + of[3])) + ((of[4] + of[5]) + (of[6] + of[7])); }
};

// A group's rounding on one grid, and the sums of its least squares.
class Fit {
 public:
  // Whole lanes of values, each with its importance.
  Fit(std::span<const float> values, std::span<const float> importance, int bits)
      : values_(values), importance_(importance), most_(largest_code(bits)) {
    Lanes weight, value_sum;
    for (size_t i = 0; i < values_.size(); i++) {
      weight.of[i % lanes] += importance_[i];
      value_sum.of[i % lanes] += importance_[i] * values_[i];
    }
    weight_ = weight.total();
    value_sum_ = value_sum.total();
  }

  // Rounds all values and returns the error, which is infinite for a grid that is not finite.
  float round(const AffineGrid& grid) {
    const float inverse = grid.scale == 0 ? 0 : 1 / grid.scale;
    if (!std::isfinite(inverse) || !std::isfinite(grid.scale) || !std::isfinite(grid.bias)) return INFINITY;
    Lanes error, code_sum, squares, products;
    for (size_t i = 0; i < values_.size(); i += lanes) {
      const float *x = values_.data() + i, *h = importance_.data() + i;
      for (size_t l = 0; l < lanes; l++) {
        const float place = std::min(std::max((x[l] - grid.bias) * inverse, 0.0f), most_);
        const auto c = static_cast<float>(static_cast<int>(place + 0.5f));
        const float miss = x[l] - (c * grid.scale + grid.bias), hc = h[l] * c;
        error.of[l] += h[l] * miss * miss;
        code_sum.of[l] += hc;
        squares.of[l] += hc * c;
        products.of[l] += hc * x[l];
      }
    }
    code_sum_ = code_sum.total();
    squares_ = squares.total();
    products_ = products.total();
    return error.total();
  }

  // The scale and bias that fit the values best with the codes of the last rounding, which was on `grid`; that where
  // all have one code.
  AffineGrid least_squares(const AffineGrid& grid) const {
    const float determinant = weight_ * squares_ - code_sum_ * code_sum_;
    if (!(determinant > 1e-6f * weight_ * squares_)) return grid;
    const float scale = (weight_ * products_ - code_sum_ * value_sum_) / determinant;
    return {scale, (value_sum_ - scale * code_sum_) / weight_};
  }

 private:
  std::span<const float> values_, importance_;
  float most_;
  float weight_ = 0, code_sum_ = 0, squares_ = 0, value_sum_ = 0, products_ = 0;
};

}  // namespace

void quantize_affine(std::span<const float> values, int bits, int64_t group_size, std::span<uint8_t> codes,
                     std::span<float> scales, std::span<float> biases) {
  const auto size = static_cast<size_t>(group_size);
  const float most = largest_code(bits);
  for (size_t g = 0; g < values.size() / size; g++) {
    const auto group = values.subspan(g * size, size);
    float low = group[0], high = group[0];
    for (const float v : group) {
      if (!std::isfinite(v)) throw Error({.what = "a weight is not finite", .found = std::to_string(v)});
      low = std::min(low, v);
      high = std::max(high, v);
    }
    const auto [scale, bias] = range_grid(low, high, bits);
    scales[g] = scale;
    biases[g] = bias;
    for (size_t i = 0; i < size; i++)
      codes[g * size + i] = static_cast<uint8_t>(std::clamp(std::nearbyint((group[i] - bias) / scale), 0.0f, most));
  }
}

uint8_t nearest_code(const AffineGrid& grid, int bits, float value) {
  if (grid.scale == 0) return 0;
  const float place = std::min(std::max((value - grid.bias) / grid.scale, 0.0f), largest_code(bits));
  return static_cast<uint8_t>(place + 0.5f);
}

float grid_value(const AffineGrid& grid, uint8_t code) {
  return std::fma(static_cast<float>(code), grid.scale, grid.bias);
}

AffineGrid fit_grid(std::span<const float> values, std::span<const float> importance, int bits, DType dtype) {
  const auto as_stored = [&](const AffineGrid& g) { return AffineGrid{stored(g.scale, dtype), stored(g.bias, dtype)}; };
  Fit fit(values, importance, bits);
  AffineGrid best;
  float least = INFINITY;
  const auto try_grid = [&](const AffineGrid& grid) {
    const float error = fit.round(grid);
    if (!(error < least)) return;
    least = error;
    best = grid;
  };

  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const float step = (*high - *low) / largest_code(bits);
  try_grid(as_stored(range_grid(*low, *high, bits)));
  try_grid(as_stored({step, *low}));
  // Ranges that leave out the ends, where there are few codes much of them, and what least squares make of each.
  constexpr float narrowest[] = {0, 0.4f, 0.5f, 0.6f, 0.75f, 0.85f, 0.95f, 1, 1};  // by bits
  constexpr int ranges = 5, rounds = 3;
  for (int i = 0; i < ranges && least > 0; i++) {
    const float part = 1 - (1 - narrowest[bits]) * static_cast<float>(i) / (ranges - 1);
    AffineGrid grid{part * step, (*high + *low) / 2 - part * (*high - *low) / 2};
    fit.round(grid);
    for (int r = 0; r < rounds; r++) {
      grid = as_stored(fit.least_squares(grid));
      try_grid(grid);
    }
    if (narrowest[bits] == 1) break;
  }
  return best;
}

}  // namespace foretell
