// Two stacks of matrices as one: GGUF's gates and ups of experts, which folders publish together.
#pragma once

#include <memory>
#include <string>

#include "checkpoint/quantized_tensor.h"

namespace foretell {

// `gate` and `up` are [slices, rows, cols] each; the result is [slices, 2 * rows, cols]: in each slice all of gate's
// rows and then up's or, `interleaved`, a row of each in turn. Both are views of a checkpoint that outlives the result;
// `name` is for errors. Throws Error where the shapes differ.
std::shared_ptr<const QuantizedTensor> joined_stack(const TensorView& gate, const TensorView& up, bool interleaved,
                                                    const std::string& name);

}  // namespace foretell
