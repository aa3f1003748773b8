// Every instruction set that this machine can run, against slow references in double and bit by bit against the
// portable unit.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/float16.h"
#include "kernels/dispatch.h"

using namespace foretell;
using namespace foretell::kernels;

namespace {

// Numbers of both signs and many magnitudes, the same in every run.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 2654435769u + 1) {}
  uint32_t bits() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 33);
  }
  float uniform() { return static_cast<float>(bits()) * 0x1p-30f - 1.0f; }
  float value() { return uniform() * std::exp2(static_cast<float>(bits() % 12) - 8); }
  std::vector<float> values(int64_t n) {
    std::vector<float> v(static_cast<size_t>(n));
    for (float& x : v) x = value();
    return v;
  }

 private:
  uint64_t state_;
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// A unit of weights with what it stands for.
struct Unit {
  std::vector<unsigned char> bytes;
  std::vector<double> weights;  // [32][cols]
};

void put(Scale scale, float& value, unsigned char* at) {
  if (scale == Scale::Float32) {
    std::memcpy(at, &value, 4);
    return;
  }
  const uint16_t half = scale == Scale::Float16 ? f16_from_float(value) : bf16_from_float(value);
  value = scale == Scale::Float16 ? float_from_f16(half) : float_from_bf16(half);
  std::memcpy(at, &half, 2);
}

// `shift` bytes stand before the unit, so that it is not aligned.
Unit make_unit(Format format, Scale scale, int64_t cols, size_t shift, Numbers& numbers) {
  Unit u{std::vector<unsigned char>(static_cast<size_t>(unit_bytes(format, scale, cols)) + shift),
         std::vector<double>(static_cast<size_t>(32 * cols))};
  unsigned char* p = u.bytes.data() + shift;
  for (int row = 0; row < unit_rows; row++) {
    for (int64_t c = 0; c < cols; c++) {
      double& weight = u.weights[static_cast<size_t>(row * cols + c)];
      if (!is_affine(format)) {
        float value = numbers.value();
        const Scale as = format == Format::Float32   ? Scale::Float32
                         : format == Format::Float16 ? Scale::Float16
                                                     : Scale::BFloat16;
        put(as, value, p + (c * unit_rows + row) * scale_bytes(as));
        weight = value;
        continue;
      }
      const int bits = code_bits(format), i = static_cast<int>(c % group_size);
      unsigned char* group = p + row / panel_rows * (cols / group_size) * panel_group_bytes(format, scale) +
                             c / group_size * panel_group_bytes(format, scale);
      const int lane = row % panel_rows;
      unsigned char* scales = group + 64 * bits + lane * scale_bytes(scale);
      unsigned char* biases = scales + panel_rows * scale_bytes(scale);
      static float s, b;
      if (i == 0) {
        s = numbers.value(), b = numbers.value();
        put(scale, s, scales);
        put(scale, b, biases);
      }
      const uint32_t code = numbers.bits() % (1u << bits);
      if (bits == 4) {
        group[64 * (i / 8) + 4 * lane + i % 8 / 2] |= static_cast<unsigned char>(code << (i % 2 * 4));
      } else {
        group[64 * (i / 8 * 2 + i % 2) + 4 * lane + i % 8 / 2] = static_cast<unsigned char>(code);
      }
      weight = static_cast<double>(code) * s + b;
    }
  }
  return u;
}

struct Kind {
  Format format;
  Scale scale;
};
const Kind kinds[] = {
    {Format::Float32, Scale::Float16}, {Format::Float16, Scale::Float16},  {Format::BFloat16, Scale::Float16},
    {Format::Affine4, Scale::Float16}, {Format::Affine4, Scale::BFloat16}, {Format::Affine4, Scale::Float32},
    {Format::Affine8, Scale::Float16}, {Format::Affine8, Scale::BFloat16}, {Format::Affine8, Scale::Float32}};

using Writer = void (*)(const float*, int64_t, int, int64_t, void*);

// The products of rows [0, rows) of x with a unit, in tiles of at most the table's rows.
std::vector<float> multiply(const Table& table, Table::Product product, Writer write, int terms, const void* unit,
                            int64_t cols, const std::vector<float>& x, int rows) {
  const int most = (write == table.float_tile ? table.float_tile_rows : table.tile_rows) / terms;
  std::vector<float> out;
  for (int first = 0; first < rows; first += most) {
    const int count = std::min(most, rows - first);
    std::vector<unsigned char> tile(static_cast<size_t>(cols * count * 8 + 1024));
    std::vector<float> part(static_cast<size_t>(count * terms * unit_rows));
    write(x.data() + first * cols, cols, count, cols, tile.data());
    product(unit, cols, tile.data(), count * terms, part.data());
    for (int r = 0; r < count; r++)
      for (int o = 0; o < unit_rows; o++) {
        float sum = part[static_cast<size_t>(r * terms * unit_rows + o)];
        for (int t = 1; t < terms; t++) sum += part[static_cast<size_t>((r * terms + t) * unit_rows + o)];
        out.push_back(sum);
      }
  }
  return out;
}

// The largest error of `out` in units of what rounding each product and sum by `relative` may give.
double worst_error(const std::vector<float>& out, const Unit& unit, const std::vector<float>& x, int64_t cols, int rows,
                   double relative) {
  double worst = 0;
  for (int r = 0; r < rows; r++)
    for (int o = 0; o < unit_rows; o++) {
      double sum = 0, magnitude = 0;
      for (int64_t c = 0; c < cols; c++) {
        const double p = unit.weights[static_cast<size_t>(o * cols + c)] * x[static_cast<size_t>(r * cols + c)];
        sum += p;
        magnitude += std::abs(p);
      }
      worst =
          std::max(worst, std::abs(out[static_cast<size_t>(r * unit_rows + o)] - sum) / (relative * magnitude + 1e-30));
    }
  return worst;
}

}  // namespace

TEST_CASE("products of every weight format agree with a reference, and bit by bit between instruction sets") {
  std::string ran;
  for (const Table* table : usable_tables()) ran += std::string(table->name) + " ";
  INFO("instruction sets: " << ran);
  WARN("instruction sets that ran: " << ran);
  Numbers numbers(1);
  for (const Kind kind : kinds) {
    for (const int64_t cols : {32, 64, 96, 320, 1056}) {
      for (const int rows : {1, 2, 3, 4, 5, 7, 8, 11, 12, 13}) {
        const size_t shift = static_cast<size_t>(numbers.bits() % 3) * 4;
        const Unit unit = make_unit(kind.format, kind.scale, cols, shift, numbers);
        const std::vector<float> x = numbers.values(rows * cols);
        const auto f = static_cast<size_t>(kind.format),
                   s = is_affine(kind.format) ? static_cast<size_t>(kind.scale) : 0;
        std::vector<std::vector<float>> first;  // the outcomes of the first table
        for (const Table* table : usable_tables()) {
          const void* at = unit.bytes.data() + shift;
          std::vector<std::vector<float>> outcomes{
              multiply(*table, table->float_product[f][s], table->float_tile, 1, at, cols, x, rows)};
          if (is_affine(kind.format)) {
            outcomes.push_back(multiply(*table, table->int8_product[f][s], table->int8_tile, 1, at, cols, x, rows));
            outcomes.push_back(
                multiply(*table, table->int8_product[f][s], table->int8_pair_tile, 2, at, cols, x, rows));
          }
          CAPTURE(table->name, f, s, cols, rows);
          // Affine products cancel between code * scale and bias, so their bound is looser than that of |w * x|.
          const double float_bound = (is_affine(kind.format) ? 64 : 1) * static_cast<double>(cols) * 0x1p-24;
          CHECK(worst_error(outcomes[0], unit, x, cols, rows, float_bound) < 1);
          if (first.empty()) {
            first = outcomes;
          } else {
            for (size_t i = 0; i < outcomes.size(); i++) CHECK(same_bits(outcomes[i], first[i]));
          }
        }
      }
    }
  }
}

TEST_CASE("an 8-bit product is the exact sum over the rounded activations") {
  Numbers numbers(2);
  const int64_t cols = 320;
  for (const Kind kind : kinds) {
    if (!is_affine(kind.format)) continue;
    const Unit unit = make_unit(kind.format, kind.scale, cols, 0, numbers);
    const std::vector<float> x = numbers.values(cols);
    std::vector<float> rounded(x.size());
    for (int64_t g = 0; g < cols; g += group_size) {
      float largest = 0;
      for (int64_t i = g; i < g + group_size; i++) largest = std::max(largest, std::abs(x[static_cast<size_t>(i)]));
      for (int64_t i = g; i < g + group_size; i++) {
        const auto at = static_cast<size_t>(i);
        rounded[at] = std::nearbyint(x[at] * (127.0f / largest)) * (largest / 127.0f);
      }
    }
    const Table& table = *usable_tables().front();
    const auto f = static_cast<size_t>(kind.format), s = static_cast<size_t>(kind.scale);
    const auto eight = multiply(table, table.int8_product[f][s], table.int8_tile, 1, unit.bytes.data(), cols, x, 1);
    CHECK(worst_error(eight, unit, rounded, cols, 1, 2e-4) < 1);
    // The second term leaves an error of about 1/127 of the first's.
    const auto sixteen =
        multiply(table, table.int8_product[f][s], table.int8_pair_tile, 2, unit.bytes.data(), cols, x, 1);
    CHECK(worst_error(sixteen, unit, x, cols, 1, 2e-3) < 1);
  }
}

TEST_CASE("norms and activations agree with a reference, and bit by bit between instruction sets") {
  Numbers numbers(3);
  for (const int64_t n : {1, 15, 16, 17, 64, 100, 576}) {
    const auto padded = static_cast<size_t>((n + 15) / 16 * 16);
    std::vector<float> x = numbers.values(n), weight = numbers.values(n), bias = numbers.values(n);
    x.resize(padded), weight.resize(padded), bias.resize(padded);
    std::vector<std::vector<float>> first;
    for (const Table* table : usable_tables()) {
      CAPTURE(table->name, n);
      std::vector<std::vector<float>> outcomes(2, std::vector<float>(padded));
      table->rms_norm(x.data(), weight.data(), n, 1e-5f, outcomes[0].data());
      table->layer_norm(x.data(), weight.data(), bias.data(), n, 1e-5f, outcomes[1].data());
      double squares = 0, mean = 0, variance = 0;
      for (int64_t i = 0; i < n; i++)
        squares += static_cast<double>(x[static_cast<size_t>(i)]) * x[static_cast<size_t>(i)],
            mean += x[static_cast<size_t>(i)];
      mean /= static_cast<double>(n);
      for (int64_t i = 0; i < n; i++) variance += std::pow(x[static_cast<size_t>(i)] - mean, 2);
      for (size_t i = 0; i < static_cast<size_t>(n); i++) {
        CHECK(outcomes[0][i] ==
              Approx(x[i] / std::sqrt(squares / static_cast<double>(n) + 1e-5) * weight[i]).epsilon(1e-5));
        CHECK(outcomes[1][i] ==
              Approx((x[i] - mean) / std::sqrt(variance / static_cast<double>(n) + 1e-5) * weight[i] + bias[i])
                  .epsilon(1e-4)
                  .margin(1e-4));
      }
      for (size_t i = static_cast<size_t>(n); i < padded; i++) CHECK(outcomes[0][i] == 0);
      if (first.empty()) first = outcomes;
      CHECK((same_bits(outcomes[0], first[0]) && same_bits(outcomes[1], first[1])));
    }
  }
  std::vector<float> x;
  for (float v = -100; v < 100; v += 0.0625f) x.push_back(v);
  std::vector<std::vector<float>> first(9);
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  for (const Table* table : usable_tables()) {
    for (size_t f = 0; f < 9; f++) {
      std::vector<float> y(x.size());
      table->activate(static_cast<Function>(f), x.data(), nullptr, static_cast<int64_t>(x.size()), y.data());
      if (first[f].empty()) first[f] = y;
      CHECK(same_bits(y, first[f]));
      for (size_t i = 0; i < x.size(); i++) {
        const double v = x[i];
        const double expected[] = {
            v * sigmoid(v),
            v / 2 * (1 + std::erf(v / std::sqrt(2))),
            v / 2 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979) * (v + 0.044715 * v * v * v))),
            v * sigmoid(1.702 * v),
            std::max(v, 0.0),
            v > 0 ? v * v : 0,
            std::tanh(v),
            sigmoid(v),
            v};
        CHECK_FALSE(std::abs(y[i] - expected[f]) > 1e-6 * std::max(1.0, std::abs(v)));
      }
    }
  }
}

TEST_CASE("floats become halves alike on every instruction set, and never infinite") {
  Numbers numbers(9);
  std::vector<float> x(4096);
  for (float& v : x) v = std::bit_cast<float>(numbers.bits());
  for (float& v : x) v = std::isnan(v) ? 0.0f : v;
  const std::vector<float> special = {0.0f,     -0.0f,    65504.0f, 65520.0f, -1e30f, 6.1e-5f,
                                      5.96e-8f, 2.98e-8f, 1e-40f,   2049.0f,  2051.0f};
  std::copy(special.begin(), special.end(), x.begin());
  for (const Table* table : usable_tables()) {
    CAPTURE(table->name);
    std::vector<uint16_t> halves(x.size());
    table->to_f16(x.data(), static_cast<int64_t>(x.size()), halves.data());
    bool same = true;
    for (size_t i = 0; i < x.size(); i++)
      same = same && halves[i] == f16_from_float(std::clamp(x[i], -65504.0f, 65504.0f));
    CHECK(same);
  }
}

TEST_CASE("integer softmax agrees with a reference, and bit by bit between instruction sets") {
  Numbers numbers(12);
  const std::vector<std::pair<int, int>> seen = {{0, 256}, {0, 1}, {3, 40}, {0, 0}, {17, 250}, {255, 256}};
  const auto count = static_cast<int>(seen.size());
  std::vector<int32_t> scores(seen.size() * chunk_keys);
  std::vector<float> key_scales(chunk_keys), value_scales(chunk_keys);
  for (int32_t& v : scores) v = static_cast<int32_t>(numbers.bits()) / 4096;
  for (size_t i = 0; i < chunk_keys; i++) key_scales[i] = 1e-5f * static_cast<float>(1 + i % 3);
  for (size_t i = 0; i < chunk_keys; i++) value_scales[i] = 0.01f * static_cast<float>(1 + i % 7);
  for (const float cap : {0.0f, 5.0f}) {
    std::vector<int16_t> first;
    std::vector<float> first_sums;
    for (const Table* table : usable_tables()) {
      CAPTURE(table->name, cap);
      std::vector<SoftmaxRow> rows;
      for (const auto& [begin, end] : seen) rows.push_back({.begin = begin, .end = end, .scale = 0.7f, .cap = cap});
      std::vector<float> scratch(scores.size()), scales(seen.size()), sums;
      std::vector<int16_t> weights(scores.size(), 99);
      table->integer_softmax(rows.data(), count, scores.data(), key_scales.data(), value_scales.data(), chunk_keys,
                             scratch.data(), weights.data(), scales.data());
      for (size_t r = 0; r < seen.size(); r++) {
        const auto [begin, end] = seen[r];
        std::vector<double> score(chunk_keys), expected(chunk_keys);
        double top = -1e30, sum = 0, largest = 0;
        for (int i = begin; i < end; i++) {
          const auto k = static_cast<size_t>(i);
          const double s = scores[r * chunk_keys + k] * 0.7 * key_scales[k];
          score[k] = cap == 0 ? s : cap * std::tanh(s / cap) / std::log(2.0);
          top = std::max(top, score[k]);
        }
        for (int i = begin; i < end; i++) {
          const auto k = static_cast<size_t>(i);
          sum += std::exp2(score[k] - top);
          expected[k] = std::exp2(score[k] - top) * value_scales[k];
          largest = std::max(largest, expected[k]);
        }
        double error = 0;
        for (size_t k = 0; k < chunk_keys; k++)
          error = std::max(error, std::abs(weights[r * chunk_keys + k] * static_cast<double>(scales[r]) - expected[k]));
        CHECK(error <= largest * (0.5 / 32767 + 1e-4));  // rounding, and what a score of 100 has lost in float32
        if (begin < end) CHECK(std::abs(rows[r].sum - sum) <= 1e-4 * sum);
        sums.push_back(rows[r].sum);
      }
      if (first.empty()) first = weights, first_sums = sums;
      CHECK(weights == first);
      CHECK(same_bits(sums, first_sums));
    }
  }
}

TEST_CASE("matrix products agree with a reference, and bit by bit between instruction sets") {
  Numbers numbers(4);
  for (const int rows : {1, 3, 6, 8, 13})
    for (const int64_t n : {16, 48, 64, 80, 128})
      for (const int64_t k : {2, 6, 64, 250}) {
        const std::vector<float> a = numbers.values(rows * k), b = numbers.values(k * n);
        std::vector<int16_t> a16(a.size());
        std::vector<int8_t> b8(b.size());
        for (int16_t& v : a16) v = static_cast<int16_t>(numbers.bits());
        for (int8_t& v : b8) v = static_cast<int8_t>(numbers.bits() % 255 - 127);
        std::vector<float> first, halved(b.size());
        for (size_t i = 0; i < b.size(); i++) halved[i] = float_from_f16(f16_from_float(b[i]));
        for (const Table* table : usable_tables()) {
          CAPTURE(table->name, rows, n, k);
          std::vector<float> out(static_cast<size_t>(rows * n)), of_halves(out.size()), of_halved(out.size());
          std::vector<uint16_t> halves(b.size());
          for (size_t i = 0; i < b.size(); i += 16) table->to_f16(b.data() + i, 16, halves.data() + i);
          table->matrix_product[1](a.data(), k, rows, halves.data(), n, k, n, of_halves.data(), n);
          table->matrix_product[0](a.data(), k, rows, halved.data(), n, k, n, of_halved.data(), n);
          CHECK(same_bits(of_halves, of_halved));
          std::vector<float> integers(out.size());
          const std::vector<float> scales(static_cast<size_t>(rows), 0.5f);
          table->matrix_product[0](a.data(), k, rows, b.data(), n, k, n, out.data(), n);
          table->integer_product(a16.data(), k, rows, scales.data(), b8.data(), 2 * n, k / 2, n, integers.data(), n);
          if (first.empty()) first = out;
          CHECK(same_bits(out, first));
          bool close = true, exact = true;
          for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < n; c++) {
              double sum = 0, magnitude = 0;
              int64_t whole = 0;
              for (int64_t i = 0; i < k; i++) {
                const double p =
                    static_cast<double>(a[static_cast<size_t>(r * k + i)]) * b[static_cast<size_t>(i * n + c)];
                sum += p, magnitude += std::abs(p);
                whole += a16[static_cast<size_t>(r * k + i)] * b8[static_cast<size_t>(i / 2 * 2 * n + 2 * c + i % 2)];
              }
              close = close && std::abs(out[static_cast<size_t>(r * n + c)] - sum) <=
                                   magnitude * static_cast<double>(k) * 0x1p-24 + 1e-30;
              exact = exact && integers[static_cast<size_t>(r * n + c)] == 0.5f * static_cast<float>(whole);
            }
          CHECK(close);
          CHECK(exact);
        }
      }
}

TEST_CASE("scores of 8-bit queries and keys are exact, and queries are rounded alike") {
  Numbers numbers(14);
  for (const int rows : {1, 3, 8, 13})
    for (const int64_t dims : {16, 48, 64, 128, 512}) {
      const std::vector<float> x = numbers.values(rows * dims);
      std::vector<int8_t> keys(static_cast<size_t>(dims * key_columns));
      for (int8_t& k : keys) k = static_cast<int8_t>(numbers.bits() % 255 - 127);
      std::vector<uint8_t> kept(keys.size());  // [dims/4][key_columns][4], 128 more
      for (int64_t d = 0; d < dims; d++)
        for (int64_t c = 0; c < key_columns; c++)
          kept[static_cast<size_t>((d / 4 * key_columns + c) * 4 + d % 4)] =
              static_cast<uint8_t>(keys[static_cast<size_t>(d * key_columns + c)] + 128);
      for (const Table* table : usable_tables()) {
        CAPTURE(table->name, rows, dims);
        std::vector<std::byte> queries(static_cast<size_t>(rows * dims * table->query_bytes));
        std::vector<int32_t> starts(static_cast<size_t>(rows)), scores(static_cast<size_t>(rows * key_columns));
        std::vector<int8_t> rounded(static_cast<size_t>(rows * dims));
        for (int64_t r = 0; r < rows; r++) {
          const float scale = table->to_query(x.data() + r * dims, dims, queries.data() + r * dims * table->query_bytes,
                                              &starts[static_cast<size_t>(r)]);
          CHECK(scale == table->to_int8(x.data() + r * dims, dims, rounded.data() + r * dims));
        }
        table->key_product(queries.data(), dims, rows, starts.data(), kept.data(), dims / 4, scores.data(),
                           key_columns);
        bool exact = true;
        for (int64_t r = 0; r < rows; r++)
          for (int64_t c = 0; c < key_columns; c++) {
            int32_t sum = 0;
            for (int64_t d = 0; d < dims; d++)
              sum += rounded[static_cast<size_t>(r * dims + d)] * keys[static_cast<size_t>(d * key_columns + c)];
            exact = exact && scores[static_cast<size_t>(r * key_columns + c)] == sum;
          }
        CHECK(exact);
      }
    }
}

TEST_CASE("softmax over a chunk sees the keys of its window only, and merges to the softmax of the whole") {
  Numbers numbers(5);
  const std::vector<float> scores = numbers.values(2 * chunk_keys);
  for (const Table* table : usable_tables()) {
    for (const auto& [begin, end] : {std::pair(0, 1), {0, 17}, {5, 33}, {0, 256}, {250, 256}}) {
      CAPTURE(table->name, begin, end);
      std::vector<float> weights(scores.begin(), scores.begin() + chunk_keys);
      SoftmaxRow row{.begin = begin, .end = end, .scale = 1.44269504f};
      table->softmax(row, weights.data());
      double total = 0;
      for (int i = begin; i < end; i++) total += std::exp(static_cast<double>(scores[static_cast<size_t>(i)]));
      for (int i = 0; i < (end + 15) / 16 * 16; i++) {
        const bool seen = i >= begin && i < end;
        const double expected = seen ? std::exp(static_cast<double>(scores[static_cast<size_t>(i)])) / total : 0;
        CHECK(weights[static_cast<size_t>(i)] / row.sum == Approx(expected).epsilon(1e-5));
        if (!seen) CHECK(weights[static_cast<size_t>(i)] == 0);
      }
    }
    // Two chunks of one row, each with a value of its own, merged.
    SoftmaxRow rows[2];
    float values[2][16];
    for (int c = 0; c < 2; c++) {
      std::vector<float> weights(scores.begin() + c * chunk_keys, scores.begin() + (c + 1) * chunk_keys);
      rows[c] = {.begin = 0, .end = chunk_keys, .scale = 1.44269504f};
      table->softmax(rows[c], weights.data());
      for (float& v : values[c]) v = rows[c].sum * static_cast<float>(c + 1);
    }
    const float top = std::max(rows[0].maximum, rows[1].maximum);
    table->merge(values[0], values[1], rows[0].maximum - top, rows[1].maximum - top, 16, &rows[0].sum, rows[1].sum);
    double first = 0, both = 0;
    for (size_t i = 0; i < scores.size(); i++) {
      const double e = std::exp(static_cast<double>(scores[i]));
      both += e;
      if (i < chunk_keys) first += e;
    }
    CHECK(values[0][0] / rows[0].sum == Approx(2 - first / both).epsilon(1e-5));
  }
}

TEST_CASE("an instruction set is chosen by name, and an unknown one is an error") {
  CHECK(std::string(select_table("portable").name) == "portable");
  CHECK(std::string(select_table("").name) == usable_tables().front()->name);
  CHECK_THROWS(select_table("avx1024"));
}
