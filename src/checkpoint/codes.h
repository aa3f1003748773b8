// The integers of quantized weights as they are packed on disk.
#pragma once

#include <cstddef>
#include <cstdint>

#include "checkpoint/dtype.h"

namespace foretell {

// `count` codes of `bits` bits each, the lowest bits of the first byte first (MLX's words, read as a string of bits).
// `count` is a multiple of 8, so that codes begin and end with a byte.
void unpack_bits(const std::byte* packed, int bits, int64_t count, uint8_t* codes);

// w = code * scale + bias for the codes of one group.
struct AffineScale {
  float scale, bias;
};

// One block of 32 of GGUF's Q4_0, Q4_1, Q5_0, Q5_1 or Q8_0 as an affine group, without loss.
AffineScale unpack_block(const std::byte* block, DType dtype, uint8_t* codes);

}  // namespace foretell
