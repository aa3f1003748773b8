// AVX-512 with VNNI (F, BW, VL, DQ, VNNI).
#include "kernels/vector_avx512.h"

#include "kernels/table.h"

namespace {
constexpr int most_tile_rows = 12, most_float_rows = 12, unit_sums = 24;
constexpr int matrix_rows = 6, matrix_vectors = 4;
constexpr int softmax_vectors = 4;  // side by side
}  // namespace

#include "kernels/float_products.h"

#define FORETELL_KEEP(r) asm volatile("" : "+v"(r))  // stops GCC 12 from moving the value, and then spilling it

namespace {

template <Format F, Scale S, int R>
FORETELL_APART void panel_int8(const unsigned char* panel, int64_t groups, const unsigned char* tile, float* out) {
  constexpr int bits = code_bits(F);
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512 acc[R];
  FORETELL_UNROLL for (int r = 0; r < R; r++) acc[r] = _mm512_setzero_ps();
  for (int64_t g = 0; g < groups; g++, panel += panel_group_bytes(F, S), tile += int8_group_bytes(R)) {
    if constexpr (R > 1) fetch_ahead(panel, 64 * (bits + 1));
    __m512i dots[R];
    FORETELL_UNROLL for (int r = 0; r < R; r++) dots[r] = _mm512_setzero_si512();
    const auto add_quads = [&](int j, __m512i w) {
      FORETELL_UNROLL for (int r = 0; r < R; r++) {
        int32_t quad;
        __builtin_memcpy(&quad, tile + 4 * (j * R + r), 4);
        dots[r] = _mm512_dpbusd_epi32(dots[r], w, _mm512_set1_epi32(quad));
      }
    };
    FORETELL_UNROLL for (int line = 0; line < bits; line++) {
      const __m512i w = _mm512_loadu_si512(panel + 64 * line);
      if constexpr (bits == 4) {
        add_quads(2 * line, _mm512_and_si512(w, nibble));
        add_quads(2 * line + 1, _mm512_and_si512(_mm512_srli_epi16(w, 4), nibble));
      } else {
        add_quads(line, w);
      }
    }
    const unsigned char* scales = panel + 64 * bits;
    const __m512 scale = load_scales<S>(scales).v, bias = load_scales<S>(scales + panel_rows * scale_bytes(S)).v;
    FORETELL_UNROLL for (int r = 0; r < R; r++) {
      float x, sum;
      __builtin_memcpy(&x, tile + 4 * (8 * R + r), 4);
      __builtin_memcpy(&sum, tile + 4 * (9 * R + r), 4);
      const __m512 factor = _mm512_mul_ps(scale, _mm512_set1_ps(x));
      acc[r] = _mm512_fmadd_ps(factor, _mm512_cvtepi32_ps(dots[r]), acc[r]);
      acc[r] = _mm512_fmadd_ps(bias, _mm512_set1_ps(sum), acc[r]);
    }
  }
  FORETELL_UNROLL for (int r = 0; r < R; r++) _mm512_storeu_ps(out + unit_rows * r, acc[r]);
}

template <int R, int N>
inline void integer_block(const int16_t* a, int64_t a_stride, const float* scales, const int8_t* b, int64_t b_stride,
                          int64_t pairs, float* out, int64_t out_stride) {
  __m512i acc[R][N];
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++) acc[r][n] =
      _mm512_setzero_si512();
  for (int64_t p = 0; p < pairs; p++, b += b_stride) {
    if constexpr (R <= 3) fetch_ahead(b, 32 * N);
    __m512i v[N];
    FORETELL_UNROLL for (int n = 0; n < N; n++) v[n] =
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + 32 * n)));
    FORETELL_UNROLL for (int r = 0; r < R; r++) {
      int32_t pair;
      __builtin_memcpy(&pair, a + r * a_stride + 2 * p, 4);
      const __m512i x = _mm512_set1_epi32(pair);
      FORETELL_UNROLL for (int n = 0; n < N; n++) {
        acc[r][n] = _mm512_dpwssd_epi32(acc[r][n], v[n], x);
        FORETELL_KEEP(acc[r][n]);
      }
    }
  }
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++) _mm512_storeu_ps(
      out + r * out_stride + 16 * n, _mm512_mul_ps(_mm512_cvtepi32_ps(acc[r][n]), _mm512_set1_ps(scales[r])));
}

template <int N>
inline void integer_columns(const int16_t* a, int64_t a_stride, int rows, const float* scales, const int8_t* b,
                            int64_t b_stride, int64_t pairs, float* out, int64_t out_stride) {
  int r = 0;
  for (; r + 6 <= rows; r += 6)
    integer_block<6, N>(a + r * a_stride, a_stride, scales + r, b, b_stride, pairs, out + r * out_stride, out_stride);
  for (; r + 3 <= rows; r += 3)
    integer_block<3, N>(a + r * a_stride, a_stride, scales + r, b, b_stride, pairs, out + r * out_stride, out_stride);
  for (; r < rows; r++)
    integer_block<1, N>(a + r * a_stride, a_stride, scales + r, b, b_stride, pairs, out + r * out_stride, out_stride);
}

void integer_product(const int16_t* a, int64_t a_stride, int rows, const float* scales, const int8_t* b,
                     int64_t b_stride, int64_t pairs, int64_t n, float* out, int64_t out_stride) {
  int64_t c = 0;
  for (; c + 64 <= n; c += 64)
    integer_columns<4>(a, a_stride, rows, scales, b + 2 * c, b_stride, pairs, out + c, out_stride);
  for (; c < n; c += 16) integer_columns<1>(a, a_stride, rows, scales, b + 2 * c, b_stride, pairs, out + c, out_stride);
}

constexpr int query_bytes = 1;
constexpr auto* to_query = to_byte_query;

template <int R>
inline void key_block(const int8_t* queries, int64_t stride, const int32_t* starts, const uint8_t* keys, int64_t quads,
                      int32_t* out, int64_t out_stride) {
  constexpr int N = key_columns / 16;
  __m512i acc[R][N];
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++) acc[r][n] =
      _mm512_set1_epi32(starts[r]);
  for (int64_t q = 0; q < quads; q++, keys += 4 * key_columns, queries += 4) {
    if constexpr (R <= 3) fetch_ahead(keys, 4 * key_columns);
    __m512i k[N];
    FORETELL_UNROLL for (int n = 0; n < N; n++) k[n] = _mm512_loadu_si512(keys + 64 * n);
    FORETELL_UNROLL for (int r = 0; r < R; r++) {
      int32_t quad;
      __builtin_memcpy(&quad, queries + r * stride, 4);
      const __m512i x = _mm512_set1_epi32(quad);
      FORETELL_UNROLL for (int n = 0; n < N; n++) {
        acc[r][n] = _mm512_dpbusd_epi32(acc[r][n], k[n], x);
        FORETELL_KEEP(acc[r][n]);
      }
    }
  }
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++)
      _mm512_storeu_si512(out + r * out_stride + 16 * n, acc[r][n]);
}

void key_product(const void* queries, int64_t stride, int rows, const int32_t* starts, const uint8_t* keys,
                 int64_t quads, int32_t* out, int64_t out_stride) {
  const auto* q = static_cast<const int8_t*>(queries);
  int r = 0;
  for (; r + 6 <= rows; r += 6)
    key_block<6>(q + r * stride, stride, starts + r, keys, quads, out + r * out_stride, out_stride);
  for (; r + 3 <= rows; r += 3)
    key_block<3>(q + r * stride, stride, starts + r, keys, quads, out + r * out_stride, out_stride);
  for (; r < rows; r++) key_block<1>(q + r * stride, stride, starts + r, keys, quads, out + r * out_stride, out_stride);
}

}  // namespace

#include "kernels/int8_units.h"
#include "kernels/quantize.h"

#include "kernels/make_table.h"

namespace foretell::kernels {

const Table* avx512_table() {
  static constexpr Table table = make_table("avx512");
  return &table;
}

}  // namespace foretell::kernels
