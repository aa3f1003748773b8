// The formats of quantized folders in which a matrix is several tensors. Each function puts one tensor in the place of
// a matrix's parts, under the name that the folder without quantization has (QuantizedTensor), and throws Error where
// the parts are missing, do not fit one another, or config.json says what is not known. Other tensors stay.
#pragma once

#include "checkpoint/checkpoint.h"
#include "checkpoint/quantization.h"

namespace foretell {

// By quant_method of config.json's quantization_config; folders without one are left as they are, but for float8
// weights with scales. Throws Error for methods that are not known.
void join_quantized_tensors(Checkpoint& checkpoint);
// The methods that are known.
std::vector<std::string> quantization_methods();

// Float8 weights X with X_scale_inv or X_scale: a factor for each tensor, row (output) or block of a matrix.
// `block_size` is [rows, inputs] of a block, empty where blocks are not spoken of; `required`: weights without scales
// are an error.
void join_float8(Checkpoint& checkpoint, const std::vector<int64_t>& block_size, bool required);
void join_float8(Checkpoint& checkpoint, const QuantizationConfig& config);

// X_blocks [..., rows, groups, 16] of two 4-bit floats a byte and X_scales [..., rows, groups] of exponents.
void join_mxfp4(Checkpoint& checkpoint);

// X.qweight, X.qzeros, X.scales, and for GPTQ X.g_idx.
void join_gptq(Checkpoint& checkpoint, const QuantizationConfig& config);
void join_awq(Checkpoint& checkpoint, const QuantizationConfig& config);

// X.weight_packed or integer X.weight, X.weight_scale, X.weight_zero_point, X.weight_shape; float8 as above.
void join_compressed_tensors(Checkpoint& checkpoint, const QuantizationConfig& config);

// X.weight with X.weight.absmax and its kin (4 bits), or with X.SCB (8 bits).
void join_bitsandbytes(Checkpoint& checkpoint);

}  // namespace foretell
