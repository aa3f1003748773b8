// Rounds floats to affine groups: w = code * scale + bias.
#pragma once

#include <cstdint>
#include <span>

namespace foretell {

// `values` in groups of `group_size`; codes of `bits` bits, one a byte; a scale and a bias for each group. The range of
// a group runs from its smallest to its largest value, and the end that is larger in magnitude is met by a code as
// nearly as the range allows, as MLX's affine quantization does. Throws Error where a value is not finite (the caller
// adds which tensor).
void quantize_affine(std::span<const float> values, int bits, int64_t group_size, std::span<uint8_t> codes,
                     std::span<float> scales, std::span<float> biases);

}  // namespace foretell
