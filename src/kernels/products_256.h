// Integer products in registers of 256 bits. The including unit defines dots4, dots8 and add_pairs, and for queries and
// keys query_bytes, key_rows, key_vectors, Keys, take_keys, Query, take_query and add_keys.
#pragma once

namespace {

// The sums of few rows stay in registers; those of many wait in the cache, as there are 16 registers.
template <int R>
struct Sums {
  static constexpr bool stay = R <= 2;
  V rows[stay ? R : 1];

  void start(float* out) { FORETELL_UNROLL for (int r = 0; r < R; r++) keep(out, r, all(0.0f)); }
  V get(const float* out, int r) const { return stay ? rows[r] : load(out + unit_rows * r); }
  void keep(float* out, int r, V sum) {
    if constexpr (stay) {
      rows[r] = sum;
    } else {
      store(out + unit_rows * r, sum);
    }
  }
  void finish(float* out) const {
    if constexpr (stay) FORETELL_UNROLL for (int r = 0; r < R; r++) store(out + unit_rows * r, rows[r]);
  }
};

template <Format F, Scale S, int R>
FORETELL_APART void panel_int8(const unsigned char* panel, int64_t groups, const unsigned char* tile, float* out) {
  constexpr int bits = code_bits(F);
  Sums<R> sums;
  sums.start(out);
  for (int64_t g = 0; g < groups; g++, panel += panel_group_bytes(F, S), tile += int8_group_bytes(R)) {
    fetch_ahead(panel, 64 * (bits + 1));
    __m256i dots[R][2];
    if constexpr (bits == 4) {
      dots4<R>(panel, tile, dots);
    } else {
      dots8<R>(panel, tile, dots);
    }
    const V scale = load_scales<S>(panel + 64 * bits);
    const V bias = load_scales<S>(panel + 64 * bits + panel_rows * scale_bytes(S));
    FORETELL_UNROLL for (int r = 0; r < R; r++) {
      float x_scale, x_sum;
      __builtin_memcpy(&x_scale, tile + 4 * (8 * R + r), 4);
      __builtin_memcpy(&x_sum, tile + 4 * (9 * R + r), 4);
      const V products = {_mm256_cvtepi32_ps(dots[r][0]), _mm256_cvtepi32_ps(dots[r][1])};
      const V sum = fma(scale * all(x_scale), products, sums.get(out, r));
      sums.keep(out, r, fma(bias, all(x_sum), sum));
    }
  }
  sums.finish(out);
}

template <int R, int N>  // N halves of a vector
inline void integer_block(const int16_t* a, int64_t a_stride, const float* scales, const int8_t* b, int64_t b_stride,
                          int64_t pairs, float* out, int64_t out_stride) {
  __m256i acc[R][N];
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++) acc[r][n] =
      _mm256_setzero_si256();
  for (int64_t p = 0; p < pairs; p++, b += b_stride) {
    if constexpr (R <= 3) fetch_ahead(b, 16 * N);
    __m256i v[N];
    FORETELL_UNROLL for (int n = 0; n < N; n++) v[n] =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + 16 * n)));
    FORETELL_UNROLL for (int r = 0; r < R; r++) {
      int32_t pair;
      __builtin_memcpy(&pair, a + r * a_stride + 2 * p, 4);
      const __m256i x = _mm256_set1_epi32(pair);
      FORETELL_UNROLL for (int n = 0; n < N; n++) {
        acc[r][n] = add_pairs(acc[r][n], v[n], x);
        FORETELL_KEEP(acc[r][n]);
      }
    }
  }
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++) _mm256_storeu_ps(
      out + r * out_stride + 8 * n, _mm256_mul_ps(_mm256_cvtepi32_ps(acc[r][n]), _mm256_set1_ps(scales[r])));
}

void integer_product(const int16_t* a, int64_t a_stride, int rows, const float* scales, const int8_t* b,
                     int64_t b_stride, int64_t pairs, int64_t n, float* out, int64_t out_stride) {
  for (int64_t c = 0; c < n; c += 16) {
    const int8_t* bc = b + 2 * c;
    int r = 0;
    for (; r + 6 <= rows; r += 6)
      integer_block<6, 2>(a + r * a_stride, a_stride, scales + r, bc, b_stride, pairs, out + r * out_stride + c,
                          out_stride);
    for (; r + 3 <= rows; r += 3)
      integer_block<3, 2>(a + r * a_stride, a_stride, scales + r, bc, b_stride, pairs, out + r * out_stride + c,
                          out_stride);
    for (; r < rows; r++)
      integer_block<1, 2>(a + r * a_stride, a_stride, scales + r, bc, b_stride, pairs, out + r * out_stride + c,
                          out_stride);
  }
}

template <int R, int N>  // N halves of a vector
inline void key_block(const unsigned char* queries, int64_t row_bytes, const int32_t* starts, const uint8_t* keys,
                      int64_t quads, int32_t* out, int64_t out_stride) {
  __m256i acc[R][N];
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++) acc[r][n] =
      _mm256_set1_epi32(starts[r]);
  for (int64_t q = 0; q < quads; q++, keys += 4 * key_columns, queries += 4 * query_bytes) {
    if constexpr (R <= 3) fetch_ahead(keys, 32 * N);
    Keys k[N];
    FORETELL_UNROLL for (int n = 0; n < N; n++) k[n] = take_keys(load256(keys + 32 * n));
    FORETELL_UNROLL for (int r = 0; r < R; r++) {
      const Query x = take_query(queries + r * row_bytes);
      FORETELL_UNROLL for (int n = 0; n < N; n++) {
        acc[r][n] = add_keys(acc[r][n], k[n], x);
        FORETELL_KEEP(acc[r][n]);
      }
    }
  }
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + r * out_stride + 8 * n), acc[r][n]);
}

void key_product(const void* queries, int64_t stride, int rows, const int32_t* starts, const uint8_t* keys,
                 int64_t quads, int32_t* out, int64_t out_stride) {
  const auto* q = static_cast<const unsigned char*>(queries);
  const int64_t row = stride * query_bytes;
  for (int64_t c = 0; c < key_columns; c += 8 * key_vectors) {
    const auto block = [&]<int R>(int r) {
      key_block<R, key_vectors>(q + r * row, row, starts + r, keys + 4 * c, quads, out + r * out_stride + c,
                                out_stride);
    };
    int r = 0;
    for (; r + key_rows <= rows; r += key_rows) block.template operator()<key_rows>(r);
    for (; r + 3 <= rows; r += 3) block.template operator()<3>(r);
    for (; r < rows; r++) block.template operator()<1>(r);
  }
}

}  // namespace
