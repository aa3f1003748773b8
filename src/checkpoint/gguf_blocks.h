// GGUF's blocks: 32 to 256 weights of a row that share their scales. The layouts: ggml-common.h of ggml.
//
// Most types are affine groups of 32 without loss: w = code * scale + bias with codes of at most 8 bits and scales and
// biases that are exact in float32. That holds also where the finer scales are whole numbers, for their products with
// the codes are whole numbers too. The other types can only be decoded to floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "checkpoint/codes.h"
#include "checkpoint/dtype.h"

namespace foretell {

inline constexpr int block_group_size = 32;
inline constexpr int max_block_elements = 256;

inline bool is_block(DType dtype) { return info(dtype).block_elements >= block_group_size; }

struct BlockCodes {
  int bits;           // 2, 4, 5 or 8
  DType scale_dtype;  // F16 or F32: what holds scales and biases without loss
};
// The affine groups that blocks of this type are, or nothing where they can only be decoded.
std::optional<BlockCodes> block_codes(DType dtype);

// One block of a type that has block_codes: the codes, [block_elements], and its groups, [block_elements / 32].
void unpack_block(const std::byte* block, DType dtype, uint8_t* codes, AffineScale* groups);

// One block of any other type as floats, [block_elements], rounded once.
void decode_block(const std::byte* block, DType dtype, float* out);

}  // namespace foretell
