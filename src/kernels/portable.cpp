// The reference: what every other unit is tested against, and what runs on machines that have no unit of their own.
#include "kernels/vector_portable.h"

#include "kernels/table.h"

namespace {
constexpr int most_tile_rows = 4, most_float_rows = 4;  // rows of a tile of integers and of floats
constexpr int unit_sums = 8;                            // vectors of sums in a block
constexpr int matrix_rows = 1, matrix_vectors = 1;
constexpr int softmax_vectors = 1;  // side by side
}  // namespace

#include "kernels/float_products.h"

namespace {

template <Format F, Scale S>
void panel_int8(const unsigned char* panel, int64_t cols, const unsigned char* tile, int rows, int row, float* out) {
  constexpr int bits = code_bits(F);
  V acc = all(0.0f);
  for (int64_t c = 0; c < cols; c += group_size, panel += panel_group_bytes(F, S), tile += int8_group_bytes(rows)) {
    int32_t dots[panel_rows] = {};
    for (int j = 0; j < 8; j++) {  // quads of inputs: the even ones of an eight, the odd ones
      int8_t x[4];
      __builtin_memcpy(x, tile + 4 * (j * rows + row), 4);
      const unsigned char* line = bits == 4 ? panel + 64 * (j / 2) : panel + 64 * j;
      for (int o = 0; o < panel_rows; o++)
        for (int i = 0; i < 4; i++) {
          const int byte = line[4 * o + i];
          dots[o] += x[i] * (bits == 4 ? (j % 2 == 0 ? byte & 15 : byte >> 4) : byte);
        }
    }
    float x_scale, x_sum;
    __builtin_memcpy(&x_scale, tile + 4 * (8 * rows + row), 4);
    __builtin_memcpy(&x_sum, tile + 4 * (9 * rows + row), 4);
    const V scale = load_scales<S>(panel + 64 * bits);
    const V bias = load_scales<S>(panel + 64 * bits + panel_rows * scale_bytes(S));
    acc = fma(scale * all(x_scale), load_i32(dots), acc);
    acc = fma(bias, all(x_sum), acc);
  }
  store(out, acc);
}

template <Format F, Scale S>
void int8_product(const void* unit, int64_t cols, const void* tile, int rows, float* out) {
  const auto* panel = static_cast<const unsigned char*>(unit);
  for (int p = 0; p < 2; p++, panel += cols / group_size * panel_group_bytes(F, S))
    for (int r = 0; r < rows; r++)
      panel_int8<F, S>(panel, cols, static_cast<const unsigned char*>(tile), rows, r,
                       out + unit_rows * r + panel_rows * p);
}

void integer_product(const int16_t* a, int64_t a_stride, int rows, const float* scales, const int8_t* b,
                     int64_t b_stride, int64_t pairs, int64_t n, float* out, int64_t out_stride) {
  for (int r = 0; r < rows; r++)
    for (int64_t c = 0; c < n; c++) {
      int32_t dot = 0;
      for (int64_t p = 0; p < pairs; p++)
        dot += a[r * a_stride + 2 * p] * b[p * b_stride + 2 * c] +
               a[r * a_stride + 2 * p + 1] * b[p * b_stride + 2 * c + 1];
      out[r * out_stride + c] = static_cast<float>(dot) * scales[r];
    }
}

constexpr int query_bytes = 1;
constexpr auto* to_query = to_byte_query;

void key_product(const void* queries, int64_t stride, int rows, const int32_t* starts, const uint8_t* keys,
                 int64_t quads, int32_t* out, int64_t out_stride) {
  for (int r = 0; r < rows; r++) {
    const int8_t* query = static_cast<const int8_t*>(queries) + r * stride;
    for (int64_t c = 0; c < key_columns; c++) {
      int32_t dot = starts[r];
      for (int64_t d = 0; d < 4 * quads; d++) dot += query[d] * keys[(d / 4 * key_columns + c) * 4 + d % 4];
      out[r * out_stride + c] = dot;
    }
  }
}

}  // namespace

#include "kernels/quantize.h"

#include "kernels/make_table.h"

namespace foretell::kernels {

const Table* portable_table() {
  static constexpr Table table = make_table("portable");
  return &table;
}

}  // namespace foretell::kernels
