// Products with float accumulation, written once over a vector of 16 floats (V). Each output is one sum, in the order
// of the inputs, of fused multiply-adds. The including unit defines matrix_rows and matrix_vectors: the block of sums
// that its registers hold.
#pragma once

#include "kernels/elementwise.h"

namespace {

template <Format F>
inline V load_weights(const void* p) {
  if constexpr (F == Format::Float16) return load_f16(p);
  if constexpr (F == Format::BFloat16) return load_bf16(p);
  return load(static_cast<const float*>(p));
}
template <Scale S>
inline V load_scales(const void* p) {
  if constexpr (S == Scale::Float16) return load_f16(p);
  if constexpr (S == Scale::BFloat16) return load_bf16(p);
  return load(static_cast<const float*>(p));
}

// R rows, N vectors of outputs from `weights` on; the unit's lines are `line` bytes apart.
template <Format F, int R, int N>
inline void float_columns(const unsigned char* weights, int64_t line, int64_t cols, const float* tile, float* out) {
  constexpr int element = F == Format::Float32 ? 4 : 2;
  V acc[R][N];
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++) acc[r][n] = all(0.0f);
  for (int64_t c = 0; c < cols; c++, weights += line, tile += R) {
    if constexpr (R > 1) fetch_ahead(weights, line);
    V w[N];
    FORETELL_UNROLL for (int n = 0; n < N; n++) w[n] = load_weights<F>(weights + 16 * element * n);
    FORETELL_UNROLL for (int r = 0; r < R; r++) {
      const V x = all(tile[r]);
      FORETELL_UNROLL for (int n = 0; n < N; n++) acc[r][n] = fma(w[n], x, acc[r][n]);
    }
  }
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++)
      store(out + unit_rows * r + 16 * n, acc[r][n]);
}

template <Format F, int R>
inline void float_unit(const void* unit, int64_t cols, const float* tile, float* out) {
  constexpr int element = F == Format::Float32 ? 4 : 2;
  constexpr int64_t line = unit_rows * element;
  const auto* w = static_cast<const unsigned char*>(unit);
  if constexpr (R * 2 <= unit_sums) {
    float_columns<F, R, 2>(w, line, cols, tile, out);
  } else {
    float_columns<F, R, 1>(w, line, cols, tile, out);
    float_columns<F, R, 1>(w + 16 * element, line, cols, tile, out + 16);
  }
}

// Affine weights with float activations: each weight becomes code * scale + bias, then as above.
template <Format F, Scale S, int R>
inline void affine_float_panel(const unsigned char* panel, int64_t cols, const float* tile, float* out) {
  constexpr int bits = code_bits(F);
  V acc[R];
  FORETELL_UNROLL for (int r = 0; r < R; r++) acc[r] = all(0.0f);
  for (int64_t c = 0; c < cols; c += group_size, panel += panel_group_bytes(F, S)) {
    const V scale = load_scales<S>(panel + 64 * bits);
    const V bias = load_scales<S>(panel + 64 * bits + panel_rows * scale_bytes(S));
    for (int i = 0; i < group_size; i++, tile += R) {
      const unsigned char* words = bits == 4 ? panel + 64 * (i / 8) : panel + 64 * (i / 8 * 2 + i % 2);
      const V code = bits == 4 ? load_codes(words, i % 8 * 4, 15) : load_codes(words, i % 8 / 2 * 8, 255);
      const V w = fma(code, scale, bias);
      FORETELL_UNROLL for (int r = 0; r < R; r++) acc[r] = fma(w, all(tile[r]), acc[r]);
    }
  }
  FORETELL_UNROLL for (int r = 0; r < R; r++) store(out + unit_rows * r, acc[r]);
}

template <Format F, Scale S, int R>
inline void float_product_rows(const void* unit, int64_t cols, const float* tile, float* out) {
  if constexpr (is_affine(F)) {
    const auto* panel = static_cast<const unsigned char*>(unit);
    affine_float_panel<F, S, R>(panel, cols, tile, out);
    affine_float_panel<F, S, R>(panel + cols / group_size * panel_group_bytes(F, S), cols, tile, out + panel_rows);
  } else {
    float_unit<F, R>(unit, cols, tile, out);
  }
}

template <Format F, Scale S, int R = most_float_rows>
inline void float_product_of(const void* unit, int64_t cols, const float* tile, int rows, float* out) {
  if (rows == R) return float_product_rows<F, S, R>(unit, cols, tile, out);
  if constexpr (R > 1) float_product_of<F, S, R - 1>(unit, cols, tile, rows, out);
}

template <Format F, Scale S>
void float_product(const void* unit, int64_t cols, const void* tile, int rows, float* out) {
  float_product_of<F, S>(unit, cols, static_cast<const float*>(tile), rows, out);
}

template <Format F, int R, int N>
inline void matrix_block(const float* a, int64_t a_stride, const unsigned char* b, int64_t b_stride, int64_t k,
                         float* out, int64_t out_stride) {
  constexpr int element = F == Format::Float32 ? 4 : 2;
  V acc[R][N];
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++) acc[r][n] = all(0.0f);
  for (int64_t i = 0; i < k; i++, b += b_stride * element) {
    V v[N];
    FORETELL_UNROLL for (int n = 0; n < N; n++) v[n] = load_weights<F>(b + 16 * element * n);
    FORETELL_UNROLL for (int r = 0; r < R; r++) {
      const V x = all(a[r * a_stride + i]);
      FORETELL_UNROLL for (int n = 0; n < N; n++) acc[r][n] = fma(v[n], x, acc[r][n]);
    }
  }
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++)
      store(out + r * out_stride + 16 * n, acc[r][n]);
}

template <Format F, int N>
inline void matrix_column_block(const float* a, int64_t a_stride, int rows, const unsigned char* b, int64_t b_stride,
                                int64_t k, float* out, int64_t out_stride) {
  int r = 0;
  for (; r + matrix_rows <= rows; r += matrix_rows)
    matrix_block<F, matrix_rows, N>(a + r * a_stride, a_stride, b, b_stride, k, out + r * out_stride, out_stride);
  for (; r + 3 <= rows; r += 3)
    matrix_block<F, 3, N>(a + r * a_stride, a_stride, b, b_stride, k, out + r * out_stride, out_stride);
  for (; r < rows; r++)
    matrix_block<F, 1, N>(a + r * a_stride, a_stride, b, b_stride, k, out + r * out_stride, out_stride);
}

template <Format F>
void matrix_product(const float* a, int64_t a_stride, int rows, const void* b, int64_t b_stride, int64_t k, int64_t n,
                    float* out, int64_t out_stride) {
  constexpr int element = F == Format::Float32 ? 4 : 2;
  const auto* columns = static_cast<const unsigned char*>(b);
  int64_t c = 0;
  for (; c + 16 * matrix_vectors <= n; c += 16 * matrix_vectors)
    matrix_column_block<F, matrix_vectors>(a, a_stride, rows, columns + c * element, b_stride, k, out + c, out_stride);
  for (; c < n; c += 16)
    matrix_column_block<F, 1>(a, a_stride, rows, columns + c * element, b_stride, k, out + c, out_stride);
}

}  // namespace
