// AVX2 with AVX-VNNI: the dot products of AVX-512 VNNI in registers of 256 bits (Intel from Alder Lake on, AMD's Zen
// 5).
#include "kernels/vector_avx2.h"

#include "kernels/table.h"

namespace {
constexpr int most_tile_rows = 6, most_float_rows = 6, unit_sums = 6;  // of 16 registers, two a vector
constexpr int matrix_rows = 5, matrix_vectors = 1;
constexpr int softmax_vectors = 2;  // side by side
}  // namespace

#include "kernels/float_products.h"

#define FORETELL_KEEP(r) asm volatile("" : "+x"(r))  // stops GCC 12 from moving the value, and then spilling it

namespace {

inline __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

template <int R>
inline void add_quads(__m256i (&dots)[R][2], __m256i w0, __m256i w1, const unsigned char* quads) {
  FORETELL_UNROLL for (int r = 0; r < R; r++) {
    int32_t four;
    __builtin_memcpy(&four, quads + 4 * r, 4);
    const __m256i x = _mm256_set1_epi32(four);
    dots[r][0] = _mm256_dpbusd_avx_epi32(dots[r][0], w0, x);
    dots[r][1] = _mm256_dpbusd_avx_epi32(dots[r][1], w1, x);
    FORETELL_KEEP(dots[r][0]);
    FORETELL_KEEP(dots[r][1]);
  }
}

template <int R>
inline void dots4(const unsigned char* panel, const unsigned char* tile, __m256i (&dots)[R][2]) {
  const __m256i nibble = _mm256_set1_epi8(15);
  FORETELL_UNROLL for (int r = 0; r < R; r++) dots[r][0] = dots[r][1] = _mm256_setzero_si256();
  FORETELL_UNROLL for (int quad = 0; quad < 8; quad++) {
    __m256i w0 = load256(panel + 64 * (quad / 2)), w1 = load256(panel + 64 * (quad / 2) + 32);
    if (quad % 2 != 0) w0 = _mm256_srli_epi16(w0, 4), w1 = _mm256_srli_epi16(w1, 4);
    add_quads<R>(dots, _mm256_and_si256(w0, nibble), _mm256_and_si256(w1, nibble), tile + 4 * quad * R);
  }
}

template <int R>
inline void dots8(const unsigned char* panel, const unsigned char* tile, __m256i (&dots)[R][2]) {
  FORETELL_UNROLL for (int r = 0; r < R; r++) dots[r][0] = dots[r][1] = _mm256_setzero_si256();
  FORETELL_UNROLL for (int quad = 0; quad < 8; quad++)
      add_quads<R>(dots, load256(panel + 64 * quad), load256(panel + 64 * quad + 32), tile + 4 * quad * R);
}

inline __m256i add_pairs(__m256i sum, __m256i a, __m256i b) { return _mm256_dpwssd_avx_epi32(sum, a, b); }

constexpr int query_bytes = 1, key_rows = 6, key_vectors = 2;
constexpr auto* to_query = to_byte_query;
using Keys = __m256i;
using Query = __m256i;
inline Keys take_keys(__m256i bytes) { return bytes; }
inline Query take_query(const unsigned char* quad) {
  int32_t four;
  __builtin_memcpy(&four, quad, 4);
  return _mm256_set1_epi32(four);
}
inline __m256i add_keys(__m256i sum, Keys k, Query q) { return _mm256_dpbusd_avx_epi32(sum, k, q); }

}  // namespace

#include "kernels/products_256.h"

#include "kernels/int8_units.h"
#include "kernels/quantize.h"

#include "kernels/make_table.h"

namespace foretell::kernels {

const Table* avxvnni_table() {
  static constexpr Table table = make_table("avxvnni");
  return &table;
}

}  // namespace foretell::kernels
