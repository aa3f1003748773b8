// The integers of quantized weights as they are packed on disk.
#pragma once

#include <cstddef>
#include <cstdint>

namespace foretell {

// `count` codes of `bits` bits each, the lowest bits of the first byte first (MLX's words, read as a string of bits).
// `count` is a multiple of 8, so that codes begin and end with a byte.
void unpack_bits(const std::byte* packed, int bits, int64_t count, uint8_t* codes);

// w = code * scale + bias for the codes of one group.
struct AffineScale {
  float scale, bias;
};

}  // namespace foretell
