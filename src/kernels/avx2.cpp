// AVX2 with FMA and F16C.
#include "kernels/vector_avx2.h"

#include "kernels/table.h"

namespace {
constexpr int most_tile_rows = 4, most_float_rows = 6, unit_sums = 6;  // of 16 registers, two a vector
constexpr int matrix_rows = 5, matrix_vectors = 1;
}  // namespace

#include "kernels/float_products.h"

#define FORETELL_KEEP(r) asm volatile("" : "+x"(r))  // stops GCC 12 from moving the value, and then spilling it

namespace {

inline __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

// Sums of 4 bits times int8 in int16: 8 products of at most 2 * 15 * 127 fit. 8-bit codes are taken as two nibbles.
template <int R>
inline void dots4(const unsigned char* panel, const unsigned char* tile, __m256i (&dots)[R][2]) {
  const __m256i nibble = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  __m256i acc[R][2];
  FORETELL_UNROLL for (int r = 0; r < R; r++) acc[r][0] = acc[r][1] = _mm256_setzero_si256();
  FORETELL_UNROLL for (int quad = 0; quad < 8; quad++) {
    __m256i w0 = load256(panel + 64 * (quad / 2)), w1 = load256(panel + 64 * (quad / 2) + 32);
    if (quad % 2 != 0) w0 = _mm256_srli_epi16(w0, 4), w1 = _mm256_srli_epi16(w1, 4);
    w0 = _mm256_and_si256(w0, nibble), w1 = _mm256_and_si256(w1, nibble);
    FORETELL_KEEP(w0);
    FORETELL_KEEP(w1);
    FORETELL_UNROLL for (int r = 0; r < R; r++) {
      int32_t four;
      __builtin_memcpy(&four, tile + 4 * (quad * R + r), 4);
      const __m256i x = _mm256_set1_epi32(four);
      acc[r][0] = _mm256_add_epi16(acc[r][0], _mm256_maddubs_epi16(w0, x));
      acc[r][1] = _mm256_add_epi16(acc[r][1], _mm256_maddubs_epi16(w1, x));
      FORETELL_KEEP(acc[r][0]);
      FORETELL_KEEP(acc[r][1]);
    }
  }
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int h = 0; h < 2; h++) dots[r][h] =
      _mm256_madd_epi16(acc[r][h], ones);
}

template <int R>
inline void dots8(const unsigned char* panel, const unsigned char* tile, __m256i (&dots)[R][2]) {
  const __m256i nibble = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1), sixteens = _mm256_set1_epi16(16);
  FORETELL_UNROLL for (int h = 0; h < 2; h++) {
    __m256i low[R], high[R];
    FORETELL_UNROLL for (int r = 0; r < R; r++) low[r] = high[r] = _mm256_setzero_si256();
    FORETELL_UNROLL for (int quad = 0; quad < 8; quad++) {
      const __m256i w = load256(panel + 64 * quad + 32 * h);
      __m256i w_low = _mm256_and_si256(w, nibble), w_high = _mm256_and_si256(_mm256_srli_epi16(w, 4), nibble);
      FORETELL_KEEP(w_low);
      FORETELL_KEEP(w_high);
      FORETELL_UNROLL for (int r = 0; r < R; r++) {
        int32_t four;
        __builtin_memcpy(&four, tile + 4 * (quad * R + r), 4);
        const __m256i x = _mm256_set1_epi32(four);
        low[r] = _mm256_add_epi16(low[r], _mm256_maddubs_epi16(w_low, x));
        high[r] = _mm256_add_epi16(high[r], _mm256_maddubs_epi16(w_high, x));
        FORETELL_KEEP(low[r]);
        FORETELL_KEEP(high[r]);
      }
    }
    FORETELL_UNROLL for (int r = 0; r < R; r++) dots[r][h] =
        _mm256_add_epi32(_mm256_madd_epi16(low[r], ones), _mm256_madd_epi16(high[r], sixteens));
  }
}

template <Format F, Scale S, int R>
FORETELL_APART void panel_int8(const unsigned char* panel, int64_t groups, const unsigned char* tile, float* out) {
  constexpr int bits = code_bits(F);
  FORETELL_UNROLL for (int r = 0; r < R; r++) store(out + unit_rows * r, all(0.0f));
  for (int64_t g = 0; g < groups; g++, panel += panel_group_bytes(F, S), tile += int8_group_bytes(R)) {
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
      const V acc = fma(scale * all(x_scale), products, load(out + unit_rows * r));  // the sums wait in the cache
      store(out + unit_rows * r, fma(bias, all(x_sum), acc));
    }
  }
}

template <Format F, Scale S, int R>
inline void unit_int8(const void* unit, int64_t cols, const void* tile, float* out) {
  const auto* panel = static_cast<const unsigned char*>(unit);
  const auto* x = static_cast<const unsigned char*>(tile);
  const int64_t groups = cols / group_size;
  for (int p = 0; p < 2; p++)
    panel_int8<F, S, R>(panel + p * groups * panel_group_bytes(F, S), groups, x, out + p * panel_rows);
}

template <Format F, Scale S>
void int8_product(const void* unit, int64_t cols, const void* tile, int rows, float* out) {
  switch (rows) {
    case 1:
      return unit_int8<F, S, 1>(unit, cols, tile, out);
    case 2:
      return unit_int8<F, S, 2>(unit, cols, tile, out);
    case 3:
      return unit_int8<F, S, 3>(unit, cols, tile, out);
    case 4:
      return unit_int8<F, S, 4>(unit, cols, tile, out);
  }
}

template <int R, int N>  // N halves of a vector
inline void integer_block(const int16_t* a, int64_t a_stride, const int8_t* b, int64_t b_stride, int64_t pairs,
                          int32_t* out, int64_t out_stride) {
  __m256i acc[R][N];
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++) acc[r][n] =
      _mm256_setzero_si256();
  for (int64_t p = 0; p < pairs; p++, b += b_stride) {
    if constexpr (R <= 3)  // few rows wait for the memory
      _mm_prefetch(reinterpret_cast<const char*>(b) + 4096, _MM_HINT_T0);
    __m256i v[N];
    FORETELL_UNROLL for (int n = 0; n < N; n++) v[n] =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + 16 * n)));
    FORETELL_UNROLL for (int r = 0; r < R; r++) {
      int32_t pair;
      __builtin_memcpy(&pair, a + r * a_stride + 2 * p, 4);
      const __m256i x = _mm256_set1_epi32(pair);
      FORETELL_UNROLL for (int n = 0; n < N; n++) {
        acc[r][n] = _mm256_add_epi32(acc[r][n], _mm256_madd_epi16(v[n], x));
        FORETELL_KEEP(acc[r][n]);
      }
    }
  }
  FORETELL_UNROLL for (int r = 0; r < R; r++) FORETELL_UNROLL for (int n = 0; n < N; n++)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + r * out_stride + 8 * n), acc[r][n]);
}

void integer_product(const int16_t* a, int64_t a_stride, int rows, const int8_t* b, int64_t b_stride, int64_t pairs,
                     int64_t n, int32_t* out, int64_t out_stride) {
  for (int64_t c = 0; c < n; c += 16) {
    const int8_t* bc = b + 2 * c;
    int r = 0;
    for (; r + 6 <= rows; r += 6)
      integer_block<6, 2>(a + r * a_stride, a_stride, bc, b_stride, pairs, out + r * out_stride + c, out_stride);
    for (; r + 3 <= rows; r += 3)
      integer_block<3, 2>(a + r * a_stride, a_stride, bc, b_stride, pairs, out + r * out_stride + c, out_stride);
    for (; r < rows; r++)
      integer_block<1, 2>(a + r * a_stride, a_stride, bc, b_stride, pairs, out + r * out_stride + c, out_stride);
  }
}

}  // namespace

#include "kernels/quantize.h"

#include "kernels/make_table.h"

namespace foretell::kernels {

const Table* avx2_table() {
  static constexpr Table table = make_table("avx2");
  return &table;
}

}  // namespace foretell::kernels
