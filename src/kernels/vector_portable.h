// Sixteen floats in an array: the slow, obvious meaning of the vectors, and what runs where there is no faster unit.
#pragma once

#include <cstdint>

namespace {

struct V {
  float f[16];
};
template <class F>
inline V lanes(F f) {
  V r;
  for (int i = 0; i < 16; i++) r.f[i] = f(i);
  return r;
}
inline float as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
inline uint32_t as_bits(float x) { return __builtin_bit_cast(uint32_t, x); }
inline uint16_t half_at(const void* p, int i) {
  uint16_t h;
  __builtin_memcpy(&h, static_cast<const unsigned char*>(p) + 2 * i, 2);
  return h;
}
inline float float_of_half(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16, magnitude = h & 0x7fffu;
  if (magnitude >= 0x7c00u) return as_float(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  if (magnitude >= 0x0400u) return as_float(sign | ((magnitude << 13) + 0x38000000u));
  return as_float(sign | as_bits(static_cast<float>(magnitude) * 0x1p-24f));
}
inline uint16_t half_of_float(float x) {  // to nearest, ties to even; |x| at most 65,504
  const uint32_t bits = as_bits(x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x38800000u)
    return static_cast<uint16_t>(sign | (magnitude + 0xfffu + (magnitude >> 13 & 1u) - 0x38000000u) >> 13);
  return static_cast<uint16_t>(sign | (as_bits(as_float(magnitude) + 0.5f) - 0x3f000000u));  // subnormal
}
inline V load(const float* p) {
  return lanes([=](int i) { return p[i]; });
}
inline V load_f16(const void* p) {
  return lanes([=](int i) { return float_of_half(half_at(p, i)); });
}
inline V load_bf16(const void* p) {
  return lanes([=](int i) { return as_float(static_cast<uint32_t>(half_at(p, i)) << 16); });
}
inline V load_i32(const int32_t* p) {
  return lanes([=](int i) { return static_cast<float>(p[i]); });
}
inline void store(float* p, V a) {
  for (int i = 0; i < 16; i++) p[i] = a.f[i];
}
inline void store_f16(uint16_t* p, V a) {
  for (int i = 0; i < 16; i++) p[i] = half_of_float(a.f[i]);
}
inline V all(float x) {
  return lanes([=](int) { return x; });
}
inline V operator+(V a, V b) {
  return lanes([&](int i) { return a.f[i] + b.f[i]; });
}
inline V operator-(V a, V b) {
  return lanes([&](int i) { return a.f[i] - b.f[i]; });
}
inline V operator*(V a, V b) {
  return lanes([&](int i) { return a.f[i] * b.f[i]; });
}
inline V operator/(V a, V b) {
  return lanes([&](int i) { return a.f[i] / b.f[i]; });
}
inline V fma(V a, V b, V c) {
  return lanes([&](int i) { return __builtin_fmaf(a.f[i], b.f[i], c.f[i]); });
}
inline V fnma(V a, V b, V c) {
  return lanes([&](int i) { return __builtin_fmaf(-a.f[i], b.f[i], c.f[i]); });
}
// As the processor's maxps and minps: the second operand where the two do not compare.
inline V max(V a, V b) {
  return lanes([&](int i) { return a.f[i] > b.f[i] ? a.f[i] : b.f[i]; });
}
inline V min(V a, V b) {
  return lanes([&](int i) { return a.f[i] < b.f[i] ? a.f[i] : b.f[i]; });
}
inline V abs(V a) {
  return lanes([&](int i) { return as_float(as_bits(a.f[i]) & 0x7fffffffu); });
}
inline float round_lane(float x) {  // to nearest, ties to even; beyond 2^23 all floats are whole
  const float magnitude = as_float(as_bits(x) & 0x7fffffffu);
  if (!(magnitude < 0x1p23f)) return x;
  const float rounded = (magnitude + 0x1p23f) - 0x1p23f;
  return as_float(as_bits(rounded) | (as_bits(x) & 0x80000000u));
}
inline int32_t to_i32_lane(float x) {  // cvtps2dq: what does not fit becomes the smallest integer
  const float r = round_lane(x);
  return r >= -0x1p31f && r < 0x1p31f ? static_cast<int32_t>(r) : INT32_MIN;
}
inline V round(V a) {
  return lanes([&](int i) { return round_lane(a.f[i]); });
}
inline V times_power_of_two(V a, V shifted) {
  return lanes([&](int i) { return as_float(as_bits(a.f[i]) + (as_bits(shifted.f[i]) << 23)); });
}
inline V bits_as_number(V a) {
  return lanes([&](int i) { return static_cast<float>(__builtin_bit_cast(int32_t, a.f[i])); });
}
inline V where_at_least(V x, float limit, V a) {
  return lanes([&](int i) { return x.f[i] >= limit ? a.f[i] : 0.0f; });
}
inline V where_less(V a, V b, V yes, V no) {
  return lanes([&](int i) { return a.f[i] < b.f[i] ? yes.f[i] : no.f[i]; });
}
inline V negate_where_negative(V a, V sign) {
  return lanes([&](int i) { return as_float(as_bits(a.f[i]) ^ (as_bits(sign.f[i]) & 0x80000000u)); });
}
template <int H>
inline V swap_lanes(V a) {
  return lanes([&](int i) { return a.f[i ^ H]; });
}
inline V first_lanes(V a, int n) {
  return lanes([&](int i) { return i < n ? a.f[i] : 0.0f; });
}
inline void store_int8(int8_t* p, V a) {
  for (int i = 0; i < 16; i++) p[i] = static_cast<int8_t>(to_i32_lane(a.f[i]));
}
inline void store_int16(int16_t* p, V a) {
  for (int i = 0; i < 16; i++) {
    const int32_t n = to_i32_lane(a.f[i]);
    p[i] = static_cast<int16_t>(n > 32767 ? 32767 : n < -32768 ? -32768 : n);
  }
}
inline void store_int8_even_odd(int8_t* p, V a) {
  for (int i = 0; i < 16; i++) p[i / 8 * 8 + i % 2 * 4 + i % 8 / 2] = static_cast<int8_t>(to_i32_lane(a.f[i]));
}
inline void store_words(void* words, V lower, V upper) {
  for (int i = 0; i < 16; i++) {
    const uint32_t w = static_cast<uint32_t>(to_i32_lane(lower.f[i])) | static_cast<uint32_t>(to_i32_lane(upper.f[i]))
                                                                            << 16;
    __builtin_memcpy(static_cast<unsigned char*>(words) + 4 * i, &w, 4);
  }
}
inline V load_codes(const void* words, int shift, int mask) {
  return lanes([=](int i) {
    uint32_t w;
    __builtin_memcpy(&w, static_cast<const unsigned char*>(words) + 4 * i, 4);
    return static_cast<float>(w >> shift & static_cast<uint32_t>(mask));
  });
}
inline float sum(V a) {
  for (int step = 8; step >= 1; step /= 2)
    for (int i = 0; i < step; i++) a.f[i] += a.f[i + step];
  return a.f[0];
}
inline float maximum(V a) {
  for (int step = 8; step >= 1; step /= 2)
    for (int i = 0; i < step; i++) a.f[i] = a.f[i] > a.f[i + step] ? a.f[i] : a.f[i + step];
  return a.f[0];
}
inline void transpose4(const float* x, int64_t stride, float* out, int64_t out_stride) {
  for (int r = 0; r < 4; r++)
    for (int c = 0; c < 4; c++) out[c * out_stride + r] = x[r * stride + c];
}

}  // namespace
