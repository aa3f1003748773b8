// Rounds floats to affine groups: w = code * scale + bias.
#pragma once

#include <cstdint>
#include <span>

#include "checkpoint/dtype.h"

namespace foretell {

// `values` in groups of `group_size`; codes of `bits` bits, one a byte; a scale and a bias for each group. The range of
// a group runs from its smallest to its largest value, and the end that is larger in magnitude is met by a code as
// nearly as the range allows, as MLX's affine quantization does. Throws Error where a value is not finite (the caller
// adds which tensor).
void quantize_affine(std::span<const float> values, int bits, int64_t group_size, std::span<uint8_t> codes,
                     std::span<float> scales, std::span<float> biases);

// A group's scale and bias, as they are stored.
struct AffineGrid {
  float scale = 0, bias = 0;
};

// The code whose value is nearest, and that value as it is read from the file.
uint8_t nearest_code(const AffineGrid& grid, int bits, float value);
float grid_value(const AffineGrid& grid, uint8_t code);

// The grid that rounds one group with little error, sum(importance * (value - rounded)^2). Scale and bias are numbers
// of `dtype` (F16, BF16 or F32). quantize_affine's grid is where the search begins, so that the error is never larger
// than with it, and values that lie on it stay as they are; then narrower ranges are tried, each followed by the least
// squares of scale and bias for the codes it gives, and the codes for those (Lloyd's alternation: Least squares
// quantization in PCM, 1982). Values are finite and a multiple of 8 in number, and importance is above 0.
AffineGrid fit_grid(std::span<const float> values, std::span<const float> importance, int bits, DType dtype);

}  // namespace foretell
