// AVX2 with FMA and F16C.
#include "kernels/vector_avx2.h"

#include "kernels/table.h"

namespace {
constexpr int most_tile_rows = 4, most_float_rows = 6, unit_sums = 6;  // of 16 registers, two a vector
constexpr int matrix_rows = 5, matrix_vectors = 1;
constexpr int softmax_vectors = 2;  // side by side
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
    asm volatile("" : "+r"(tile));  // stops GCC 12 from keeping the first half's broadcasts, in memory, for the second
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

inline __m256i add_pairs(__m256i sum, __m256i a, __m256i b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }

// Of each four dimensions the even and the odd ones, as 16 bits: sums of two products of bytes do not fit.
constexpr int query_bytes = 2, key_rows = 3, key_vectors = 2;
struct Keys {
  __m256i even, odd;
};
using Query = Keys;
inline Keys take_keys(__m256i bytes) {
  return {_mm256_and_si256(bytes, _mm256_set1_epi16(255)), _mm256_srli_epi16(bytes, 8)};
}
inline Query take_query(const unsigned char* quad) {
  int32_t even, odd;
  __builtin_memcpy(&even, quad, 4);
  __builtin_memcpy(&odd, quad + 4, 4);
  return {_mm256_set1_epi32(even), _mm256_set1_epi32(odd)};
}
inline __m256i add_keys(__m256i sum, Keys k, Query q) {
  return _mm256_add_epi32(sum, add_pairs(_mm256_madd_epi16(k.even, q.even), k.odd, q.odd));
}

float to_query(const float* x, int64_t n, void* out, int32_t* start) {
  return round_query(x, n, start, [=](int64_t i, V q) {
    const __m256i odd_last = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(to_int16_lanes(q), 0xd8), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(static_cast<int16_t*>(out) + i), odd_last);
  });
}

}  // namespace

#include "kernels/products_256.h"

#include "kernels/int8_units.h"
#include "kernels/quantize.h"

#include "kernels/make_table.h"

namespace foretell::kernels {

const Table* avx2_table() {
  static constexpr Table table = make_table("avx2");
  return &table;
}

}  // namespace foretell::kernels
