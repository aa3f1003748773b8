// What the engine asks of each instruction set: one struct of functions. Every instruction set gives the same bits.
//
// Layouts that all of them share:
//   unit        32 output rows of a weight matrix, stored together, in the order in which they are read. Rows beyond
//   the
//               matrix are zeros. Float formats: [cols][32]. Affine formats: two panels of 16 rows; a panel is a list
//               of groups of 32 inputs; a group is, for 4 bits, 4 lines of 64 bytes: line j holds the 16 rows' 32-bit
//               words with inputs 8j .. 8j+7, lowest bits first; for 8 bits, 8 lines: lines 2j and 2j+1 hold the even
//               and the odd inputs of 8j .. 8j+7; then the 16 rows' scales and their 16 biases. w = code * scale +
//               bias.
//   float tile  up to float_tile_rows rows of activations, interleaved: [cols][rows].
//   int8 tile   up to tile_rows rows in 8 bits: a list of groups of 32 inputs; a group is 8 x [rows] quads of int8 (the
//   even inputs of
//               each eight, then the odd ones), [rows] float scales and [rows] sums: scale * sum of the group's
//               integers. The sum is that of the rounded values, so that its error cancels the products' for what the
//               bias carries.
//
// Only <cstdint> and <cstddef> may be included here: this header is compiled once for each instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace foretell::kernels {

constexpr int unit_rows = 32;
constexpr int panel_rows = 16;
constexpr int group_size = 32;  // inputs that share a scale
constexpr int max_tile_rows = 12;
constexpr int chunk_keys = 256;  // keys whose softmax is taken at once; chunks are merged in order
constexpr int key_columns = 64;  // keys that stand side by side in a cache block

enum class Format : uint8_t { Float32, Float16, BFloat16, Affine4, Affine8 };
enum class Scale : uint8_t { Float16, BFloat16, Float32 };  // how an affine format keeps scales and biases
constexpr int formats = 5, scales = 3;

constexpr bool is_affine(Format f) { return f == Format::Affine4 || f == Format::Affine8; }
constexpr int scale_bytes(Scale s) { return s == Scale::Float32 ? 4 : 2; }
constexpr int code_bits(Format f) { return f == Format::Affine4 ? 4 : 8; }
// Bytes of one group of a panel.
constexpr int64_t panel_group_bytes(Format f, Scale s) {
  return panel_rows * (group_size * code_bits(f) / 8 + 2 * scale_bytes(s));
}
constexpr int64_t unit_bytes(Format f, Scale s, int64_t cols) {
  if (is_affine(f)) return 2 * (cols / group_size) * panel_group_bytes(f, s);
  return cols * unit_rows * (f == Format::Float32 ? 4 : 2);
}
constexpr int64_t int8_group_bytes(int rows) { return int64_t{rows} * (group_size + 8); }

enum class Function : uint8_t { Silu, Gelu, GeluTanh, QuickGelu, Relu, ReluSquared, Tanh, Sigmoid, Identity };

// One row of scores of one chunk of keys, on its way to weights.
struct SoftmaxRow {
  int begin = 0, end = 0;  // the keys of the chunk that this row sees
  float scale = 1;         // of the raw scores; times log2(e) where there is no cap
  float cap = 0;           // 0, or the scores go through cap * tanh(score / cap)
  float maximum = 0;       // out: the largest score, in units of log2
  float sum = 0;           // out: the sum of 2^(score - maximum)
};

struct Table {
  const char* name;
  int tile_rows;        // the most rows of an int8 tile
  int float_tile_rows;  // of a float tile; not less

  // out[rows][32] = unit x tile. `cols` is a multiple of 32 for affine formats.
  using Product = void (*)(const void* unit, int64_t cols, const void* tile, int rows, float* out);
  Product float_product[formats][scales];  // a float tile; for float formats the second index is 0
  Product int8_product[formats][scales];   // an int8 tile; null for float formats

  // To tiles: `rows` rows of x, `stride` floats apart, columns [0, cols), into a tile of `rows` rows at `tile`.
  void (*float_tile)(const float* x, int64_t stride, int rows, int64_t cols, void* tile);
  void (*int8_tile)(const float* x, int64_t stride, int rows, int64_t cols, void* tile);
  // Two terms for each row: what the first leaves over is the next row of the tile, which has 2 * rows rows.
  void (*int8_pair_tile)(const float* x, int64_t stride, int rows, int64_t cols, void* tile);

  // y = x / sqrt(mean(x^2) + epsilon) * weight. Vectors are padded with zeros to a multiple of 16.
  void (*rms_norm)(const float* x, const float* weight, int64_t n, float epsilon, float* y);
  // y = (x - mean) / sqrt(variance + epsilon) * weight + bias
  void (*layer_norm)(const float* x, const float* weight, const float* bias, int64_t n, float epsilon, float* y);
  // y = f(x), or f(x) * times where that is given; n is a multiple of 16.
  void (*activate)(Function f, const float* x, const float* times, int64_t n, float* y);

  // out[rows][n] = a[rows][k] x b[k][n]; n is a multiple of 16. One sum for each output, in the order of k.
  // b's type is the index: Format::Float32 or Float16; strides are in elements.
  using MatrixProduct = void (*)(const float* a, int64_t a_stride, int rows, const void* b, int64_t b_stride, int64_t k,
                                 int64_t n, float* out, int64_t out_stride);
  MatrixProduct matrix_product[2];
  // The same in integers, times a scale for each row: a is int16, b int8 in pairs along k: [pairs][n][2], `b_stride`
  // bytes from pair to pair. The sums are exact, as are the next's.
  void (*integer_product)(const int16_t* a, int64_t a_stride, int rows, const float* scales, const int8_t* b,
                          int64_t b_stride, int64_t pairs, int64_t n, float* out, int64_t out_stride);
  // Scores of key_columns keys, which are int8 + 128 in fours along the dimensions: [quads][key_columns][4]. Queries
  // come from to_query, each with `query_bytes` bytes a dimension and what its sum starts with; `stride` is in
  // dimensions.
  void (*key_product)(const void* queries, int64_t stride, int rows, const int32_t* starts, const uint8_t* keys,
                      int64_t quads, int32_t* out, int64_t out_stride);
  int query_bytes;
  // To integers of the largest magnitude 127, as this table's key_product reads them; returns the scale.
  float (*to_query)(const float* x, int64_t n, void* out, int32_t* start);
  // scores[end rounded up to 16] become weights 2^(score - maximum), zero for keys that the row does not see.
  void (*softmax)(SoftmaxRow& row, float* scores);
  // The same for `count` rows of integer scores with a scale for each key; the weights, times each key's value scale,
  // become int16 with one scale for each row. Rows are chunk_keys apart. weights[0, padded_end) of each are written,
  // zeros beyond what the row sees; one that sees nothing (begin >= end) keeps its maximum.
  void (*integer_softmax)(SoftmaxRow* rows, int count, const int32_t* scores, const float* key_scales,
                          const float* value_scales, int padded_end, float* scratch, int16_t* weights,
                          float* weight_scales);
  // x[n] to integers of the largest magnitude 127; the scale is returned. n is a multiple of 16.
  float (*to_int8)(const float* x, int64_t n, int8_t* out);
  // To binary16, at most its largest number.
  void (*to_f16)(const float* x, int64_t n, uint16_t* out);
  // Turns each `block` of x (a power of two from 16 on; n is a multiple of it) by the Walsh-Hadamard matrix over
  // sqrt(block), which is its own inverse and leaves products of two vectors as they are. Rounding to integers then
  // loses less, since what stood out in one dimension is spread over all (Ashkboos et al., QuaRot, arXiv:2404.00456).
  void (*mix)(float* x, int64_t n, int64_t block);
  // acc = acc * 2^(a) + chunk * 2^(b); n is a multiple of 16.
  void (*merge)(float* acc, const float* chunk, float a, float b, int64_t n, float* acc_sum, float chunk_sum);

  // Rounds 16 rows of weights to a panel of affine groups with Scale::Float32, by the formula of
  // checkpoint/quantize.h: `columns` are lines of a unit in a float format, of which the first 16 rows are read; `cols`
  // is a multiple of 32. Returns whether all of them are finite. The first index is that format.
  using Quantize = bool (*)(const void* columns, int64_t cols, void* panel);
  Quantize quantize4[3], quantize8[3];
};

// The tables that this build has; null where it has none.
const Table* portable_table();
const Table* avx2_table();
const Table* avxvnni_table();
const Table* avx512_table();

}  // namespace foretell::kernels
