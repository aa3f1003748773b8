// Sixteen floats in two AVX registers.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace {

struct V {
  __m256 l, h;
};
inline V load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline V load_f16(const void* p) {
  const auto* q = static_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(q)), _mm256_cvtph_ps(_mm_loadu_si128(q + 1))};
}
inline V load_bf16(const void* p) {
  const auto* q = static_cast<const __m128i*>(p);
  const auto widen = [](__m128i x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16)); };
  return {widen(_mm_loadu_si128(q)), widen(_mm_loadu_si128(q + 1))};
}
inline V load_i32(const int32_t* p) {
  const auto* q = reinterpret_cast<const __m256i*>(p);
  return {_mm256_cvtepi32_ps(_mm256_loadu_si256(q)), _mm256_cvtepi32_ps(_mm256_loadu_si256(q + 1))};
}
inline void store(float* p, V a) {
  _mm256_storeu_ps(p, a.l);
  _mm256_storeu_ps(p + 8, a.h);
}
inline void store_f16(uint16_t* p, V a) {
  auto* q = reinterpret_cast<__m128i*>(p);
  _mm_storeu_si128(q, _mm256_cvtps_ph(a.l, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(q + 1, _mm256_cvtps_ph(a.h, _MM_FROUND_TO_NEAREST_INT));
}
inline V all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline V operator+(V a, V b) { return {_mm256_add_ps(a.l, b.l), _mm256_add_ps(a.h, b.h)}; }
inline V operator-(V a, V b) { return {_mm256_sub_ps(a.l, b.l), _mm256_sub_ps(a.h, b.h)}; }
inline V operator*(V a, V b) { return {_mm256_mul_ps(a.l, b.l), _mm256_mul_ps(a.h, b.h)}; }
inline V operator/(V a, V b) { return {_mm256_div_ps(a.l, b.l), _mm256_div_ps(a.h, b.h)}; }
inline V fma(V a, V b, V c) { return {_mm256_fmadd_ps(a.l, b.l, c.l), _mm256_fmadd_ps(a.h, b.h, c.h)}; }
inline V fnma(V a, V b, V c) { return {_mm256_fnmadd_ps(a.l, b.l, c.l), _mm256_fnmadd_ps(a.h, b.h, c.h)}; }
inline V max(V a, V b) { return {_mm256_max_ps(a.l, b.l), _mm256_max_ps(a.h, b.h)}; }
inline V min(V a, V b) { return {_mm256_min_ps(a.l, b.l), _mm256_min_ps(a.h, b.h)}; }
inline V abs(V a) {
  const __m256 m = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  return {_mm256_and_ps(a.l, m), _mm256_and_ps(a.h, m)};
}
inline V round(V a) {
  constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.l, nearest), _mm256_round_ps(a.h, nearest)};
}
inline V times_power_of_two(V a, V shifted) {
  const auto scale = [](__m256 x, __m256 k) {
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(_mm256_castps_si256(k), 23)));
  };
  return {scale(a.l, shifted.l), scale(a.h, shifted.h)};
}
inline V bits_as_number(V a) {
  return {_mm256_cvtepi32_ps(_mm256_castps_si256(a.l)), _mm256_cvtepi32_ps(_mm256_castps_si256(a.h))};
}
inline V where_at_least(V x, float limit, V a) {
  const __m256 t = _mm256_set1_ps(limit);
  return {_mm256_and_ps(a.l, _mm256_cmp_ps(x.l, t, _CMP_GE_OQ)), _mm256_and_ps(a.h, _mm256_cmp_ps(x.h, t, _CMP_GE_OQ))};
}
inline V where_less(V a, V b, V yes, V no) {
  return {_mm256_blendv_ps(no.l, yes.l, _mm256_cmp_ps(a.l, b.l, _CMP_LT_OQ)),
          _mm256_blendv_ps(no.h, yes.h, _mm256_cmp_ps(a.h, b.h, _CMP_LT_OQ))};
}
inline V negate_where_negative(V a, V sign) {
  const __m256 m = _mm256_castsi256_ps(_mm256_set1_epi32(INT32_MIN));
  return {_mm256_xor_ps(a.l, _mm256_and_ps(sign.l, m)), _mm256_xor_ps(a.h, _mm256_and_ps(sign.h, m))};
}
template <int H>
inline V swap_lanes(V a) {
  if constexpr (H == 8) return {a.h, a.l};
  if constexpr (H == 4) return {_mm256_permute2f128_ps(a.l, a.l, 1), _mm256_permute2f128_ps(a.h, a.h, 1)};
  constexpr int order = H == 2 ? 0x4e : 0xb1;
  return {_mm256_permute_ps(a.l, order), _mm256_permute_ps(a.h, order)};
}
inline V first_lanes(V a, int n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), limit = _mm256_set1_epi32(n);
  const __m256i low = _mm256_cmpgt_epi32(limit, lane),
                high = _mm256_cmpgt_epi32(limit, _mm256_add_epi32(lane, _mm256_set1_epi32(8)));
  return {_mm256_and_ps(a.l, _mm256_castsi256_ps(low)), _mm256_and_ps(a.h, _mm256_castsi256_ps(high))};
}
inline __m256i to_int16_lanes(V a) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(_mm256_cvtps_epi32(a.l), _mm256_cvtps_epi32(a.h)), 0xd8);
}
inline void store_int16(int16_t* p, V a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), to_int16_lanes(a)); }
inline void store_int8(int8_t* p, V a) {
  const __m256i w = to_int16_lanes(a);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packs_epi16(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1)));
}
inline void store_int8_even_odd(int8_t* p, V a) {
  const __m128i order = _mm_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
  const __m256i w = to_int16_lanes(a);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_shuffle_epi8(bytes, order));
}
inline void store_words(void* words, V lower, V upper) {
  auto* p = static_cast<__m256i*>(words);
  const auto join = [](__m256 l, __m256 u) {
    return _mm256_or_si256(_mm256_cvtps_epi32(l), _mm256_slli_epi32(_mm256_cvtps_epi32(u), 16));
  };
  _mm256_storeu_si256(p, join(lower.l, upper.l));
  _mm256_storeu_si256(p + 1, join(lower.h, upper.h));
}
inline V load_codes(const void* words, int shift, int mask) {
  const auto* q = static_cast<const __m256i*>(words);
  const __m128i count = _mm_cvtsi32_si128(shift);
  const __m256i m = _mm256_set1_epi32(mask);
  return {_mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srl_epi32(_mm256_loadu_si256(q), count), m)),
          _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srl_epi32(_mm256_loadu_si256(q + 1), count), m))};
}
inline __m256 add_halves(V a) { return _mm256_add_ps(a.l, a.h); }
inline __m256 max_halves(V a) { return _mm256_max_ps(a.l, a.h); }

}  // namespace

#include "kernels/vector_fold.h"
