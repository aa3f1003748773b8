// Sums and maxima over the lanes, for both x86 vectors: lane i with i+8, then +4, +2, +1. The portable vector does the
// same. And what moves floats in fours.
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

// out[c * out_stride + r] = x[r * stride + c] for four rows of four.
inline void transpose4(const float* x, int64_t stride, float* out, int64_t out_stride) {
  __m128 a = _mm_loadu_ps(x), b = _mm_loadu_ps(x + stride), c = _mm_loadu_ps(x + 2 * stride),
         d = _mm_loadu_ps(x + 3 * stride);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(out, a);
  _mm_storeu_ps(out + out_stride, b);
  _mm_storeu_ps(out + 2 * out_stride, c);
  _mm_storeu_ps(out + 3 * out_stride, d);
}

}  // namespace
