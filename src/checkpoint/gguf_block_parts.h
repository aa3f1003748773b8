// What the decoders of GGUF's blocks share; included by gguf_*_blocks.cpp alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/float16.h"
#include "checkpoint/codes.h"
#include "checkpoint/gguf_blocks.h"

namespace foretell::gguf {

template <class T>
T number_at(const std::byte* p) {  // not always aligned
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline float half_at(const std::byte* p) { return float_from_f16(number_at<uint16_t>(p)); }

// `count` bits of the byte at p, from bit `shift` on.
inline uint8_t bits_at(const std::byte* p, int shift, int count) {
  return static_cast<uint8_t>(std::to_integer<unsigned>(*p) >> shift & ((1U << count) - 1));
}

// The low halves of `count` bytes are the first codes, the high halves the others.
inline void unpack_halves(const std::byte* packed, int count, uint8_t* codes) {
  for (int i = 0; i < count; i++) {
    codes[i] = bits_at(packed + i, 0, 4);
    codes[i + count] = bits_at(packed + i, 4, 4);
  }
}

inline void same_groups(AffineScale scale, int count, AffineScale* groups) {
  for (int g = 0; g < count; g++) groups[g] = scale;
}

// gguf_k_blocks.cpp
void unpack_q3_k(const std::byte* block, uint8_t* codes, AffineScale* groups);
void unpack_q4_k(const std::byte* block, uint8_t* codes, AffineScale* groups);
void unpack_q5_k(const std::byte* block, uint8_t* codes, AffineScale* groups);
void unpack_q8_k(const std::byte* block, uint8_t* codes, AffineScale* groups);
void decode_q2_k(const std::byte* block, float* out);
void decode_q6_k(const std::byte* block, float* out);

// gguf_iq_blocks.cpp
void unpack_iq1_s(const std::byte* block, uint8_t* codes, AffineScale* groups);
void unpack_iq1_m(const std::byte* block, uint8_t* codes, AffineScale* groups);
void unpack_iq2_xxs(const std::byte* block, uint8_t* codes, AffineScale* groups);
void unpack_iq3_xxs(const std::byte* block, uint8_t* codes, AffineScale* groups);
void unpack_iq3_s(const std::byte* block, uint8_t* codes, AffineScale* groups);
void decode_iq2_xs(const std::byte* block, float* out);
void decode_iq2_s(const std::byte* block, float* out);

}  // namespace foretell::gguf
