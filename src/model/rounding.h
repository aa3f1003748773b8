// Rounds rows of weights to affine groups.
#pragma once

#include <cstdint>
#include <span>

#include "checkpoint/dtype.h"
#include "model/tensor_writers.h"

namespace foretell {

// Each weight to the nearest value of its group's grid (checkpoint/quantize.h), where a weight w is as important as
// w^2 + the group's mean square: large weights carry more of a sum. `weights` are whole rows, one after the
// other; `codes` has one for each, `scales` and `biases`, numbers of `dtype`, one for each group.
void round_nearest(std::span<const float> weights, GroupLayout layout, DType dtype, uint8_t* codes, float* scales,
                   float* biases);

}  // namespace foretell
