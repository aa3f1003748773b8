// A matrix that is stored less a factor: GGUF's X.scale beside X.weight.
#pragma once

#include <memory>
#include <string>

#include "checkpoint/quantized_tensor.h"

namespace foretell {

// `weight` times the number in `scale`, or for a stack [slices, rows, cols] times its slice's. Both are views of a
// checkpoint that outlives the result; `name` is the weight's, for errors. Throws Error where the scales are no floats
// or not as many as the slices.
std::shared_ptr<const QuantizedTensor> scaled_tensor(const TensorView& weight, const TensorView& scale,
                                                     const std::string& name);

}  // namespace foretell
