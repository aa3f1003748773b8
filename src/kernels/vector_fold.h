// Sums and maxima over the lanes, for both x86 vectors: lane i with i+8, then +4, +2, +1. The portable vector does the
// same.
#pragma once

namespace {

inline float sum(V a) {
  const __m256 x = add_halves(a);
  __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  y = _mm_add_ps(y, _mm_movehl_ps(y, y));
  return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}
inline float maximum(V a) {
  const __m256 x = max_halves(a);
  __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  y = _mm_max_ps(y, _mm_movehl_ps(y, y));
  return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}

}  // namespace
