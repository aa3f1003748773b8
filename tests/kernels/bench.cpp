// What each kernel gets out of a core: kernel_bench [--quick] [--threads N] [ISA...] [PART OF A NAME...]
//
// Prints multiply-adds a cycle of products (elements a cycle of the rest), and gigabytes a second of matrices larger
// than the caches, one column for each instruction set of this machine; medians. A cycle is what one of a chain of
// additions takes, measured beside each sample: what the clock's own counter calls a cycle is seldom the core's.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/memory_speed.h"
#include "kernels/dispatch.h"

using namespace foretell;
using namespace foretell::kernels;

namespace {

using Clock = std::chrono::steady_clock;

double seconds(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

double cycle_seconds() {
  constexpr int steps = 1 << 16;
  uint64_t sum = 1, addend = 3;
  asm volatile("" : "+r"(addend));
  const auto begin = Clock::now();
#pragma GCC unroll 16
  for (int i = 0; i < steps; i++) {
    sum += addend;
    asm volatile("" : "+r"(sum));
  }
  return std::chrono::duration<double>(Clock::now() - begin).count() / steps;
}

struct Options {
  bool quick = false;
  int threads = 1;
  std::vector<std::string> tables, names;
};

double cycles(const std::function<void()>& work, const Options& options) {
  int calls = 1;
  const double least = options.quick ? 0 : 3e-4;
  const auto repeat = [&] {
    for (int i = 0; i < calls; i++) work();
  };
  while (seconds(repeat) < least) calls *= 2;
  std::vector<double> samples;
  for (int i = 0; i < (options.quick ? 1 : 15); i++) {
    const double before = cycle_seconds(), time = seconds(repeat), after = cycle_seconds();
    samples.push_back(time / std::min(before, after) / calls);
  }
  return median(samples);
}

// Everything that is read holds small numbers of this pattern; products of it stay normal.
template <class T>
AlignedBuffer<T> filled(int64_t count, auto value) {
  AlignedBuffer<T> buffer(count);
  for (int64_t i = 0; i < count; i++) buffer[i] = static_cast<T>(value(i));
  return buffer;
}
AlignedBuffer<float> floats(int64_t count) {
  return filled<float>(count, [](int64_t i) { return static_cast<float>(i % 61 - 30) / 16; });
}
// As a float32, float16, bfloat16 or a scale this is a number of ordinary size.
AlignedBuffer<uint16_t> weights(int64_t bytes) {
  return filled<uint16_t>((bytes + 1) / 2, [](int64_t i) { return 0x3c00 + i % 251; });
}

const char* const format_names[formats] = {"float32", "float16", "bfloat16", "affine4", "affine8"};
const char* const scale_names[scales] = {"float16", "bfloat16", "float32"};

struct Kind {
  Format format;
  Scale scale;
  bool integers;  // 8-bit activations
  std::string name() const {
    const std::string weights = format_names[static_cast<size_t>(format)];
    const std::string groups = is_affine(format) ? std::string("/") + scale_names[static_cast<size_t>(scale)] : "";
    return (integers ? "int8_product " : "float_product ") + weights + groups;
  }
  Table::Product product(const Table& t) const {
    const auto f = static_cast<size_t>(format), s = is_affine(format) ? static_cast<size_t>(scale) : 0;
    return integers ? t.int8_product[f][s] : t.float_product[f][s];
  }
  void tile(const Table& t, const float* x, int rows, int64_t cols, void* out) const {
    (integers ? t.int8_tile : t.float_tile)(x, cols, rows, cols, out);
  }
};

std::vector<Kind> kinds() {
  std::vector<Kind> list;
  for (const Format f : {Format::Float32, Format::Float16, Format::BFloat16})
    list.push_back({f, Scale::Float16, false});
  for (const bool integers : {false, true})
    for (const Format f : {Format::Affine4, Format::Affine8})
      for (const Scale s : {Scale::Float16, Scale::BFloat16, Scale::Float32}) list.push_back({f, s, integers});
  return list;
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options), pool_(options.threads) {
    for (const Table* table : usable_tables())
      if (options_.tables.empty() || std::count(options_.tables.begin(), options_.tables.end(), table->name) > 0)
        tables_.push_back(table);
    std::printf("%-46s", ("core at " + std::to_string(std::lround(1e-6 / cycle_seconds())) + " MHz").c_str());
    for (const Table* table : tables_) std::printf(" %9s", table->name);
    std::printf("\n");
  }

  void products() const;
  void attention() const;
  void elementwise() const;
  void memory();

 private:
  bool asked_for(const std::string& name) const {
    const auto in_name = [&](const std::string& part) { return name.find(part) != std::string::npos; };
    return options_.names.empty() || std::any_of(options_.names.begin(), options_.names.end(), in_name);
  }
  // One line: value(table) for each instruction set, where the name is asked for.
  void line(const std::string& name, const std::function<double(const Table&)>& value) const {
    if (!asked_for(name)) return;
    std::printf("%-46s", name.c_str());
    for (const Table* table : tables_) {
      std::printf(" %9.2f", value(*table));
      std::fflush(stdout);
    }
    std::printf("\n");
  }
  // The rate of a call that does `work` multiply-adds or elements.
  void rate(const std::string& name, int64_t work, const std::function<void(const Table&)>& call) const {
    line(name, [&](const Table& t) { return static_cast<double>(work) / cycles([&] { call(t); }, options_); });
  }

  const Options options_;
  ThreadPool pool_;
  std::vector<const Table*> tables_;
};

// A unit of weights in the cache, with a tile of rows and with one row.
void Bench::products() const {
  constexpr int64_t cols = 576;
  const auto x = floats(max_tile_rows * cols);
  const AlignedBuffer<float> tile(2 * max_tile_rows * cols), out(max_tile_rows * unit_rows);
  for (const Kind& kind : kinds()) {
    const auto unit = weights(unit_bytes(kind.format, kind.scale, cols));
    for (const bool one : {false, true})
      line(kind.name() + (one ? ", 1 row" : ", a tile of rows"), [&](const Table& t) {
        const int rows = one ? 1 : kind.integers ? t.tile_rows : t.float_tile_rows;
        kind.tile(t, x.data(), rows, cols, tile.data());
        const auto call = [&] { kind.product(t)(unit.data(), cols, tile.data(), rows, out.data()); };
        return static_cast<double>(rows * unit_rows * cols) / cycles(call, options_);
      });
  }
}

// One chunk of keys of heads of 64 dimensions: the shapes of model/attention.cpp.
void Bench::attention() const {
  constexpr int64_t dim = 64;
  const auto a = floats(24 * chunk_keys), b = floats(chunk_keys * dim);
  const auto a16 = filled<int16_t>(24 * chunk_keys, [](int64_t i) { return i % 65521 - 32760; });
  const auto b8 = filled<int8_t>(chunk_keys * dim, [](int64_t i) { return i % 251 - 125; });
  const auto keys = filled<uint8_t>(chunk_keys * dim, [](int64_t i) { return i % 251; });
  const std::vector<int32_t> starts(24);
  const AlignedBuffer<float> out(24 * chunk_keys);
  const AlignedBuffer<int32_t> out32(24 * chunk_keys);
  for (const int rows : {24, 3}) {
    const std::string of = ", " + std::to_string(rows) + " rows", qk = " q.K, 64 x 256" + of,
                      pv = " p.V, 256 x 64" + of;
    const int64_t work = rows * dim * chunk_keys;
    rate("matrix_product" + qk, work, [&](const Table& t) {
      for (int k = 0; k < chunk_keys; k += key_columns)
        t.matrix_product[0](a.data(), dim, rows, b.data() + k * dim, key_columns, dim, key_columns, out.data() + k,
                            chunk_keys);
    });
    rate("matrix_product" + pv, work, [&](const Table& t) {
      t.matrix_product[0](a.data(), chunk_keys, rows, b.data(), dim, chunk_keys, dim, out.data(), dim);
    });
    rate("key_product" + qk, work, [&](const Table& t) {
      for (int k = 0; k < chunk_keys; k += key_columns)
        t.key_product(a16.data(), dim, rows, starts.data(), keys.data() + k * dim, dim / 4, out32.data() + k,
                      chunk_keys);
    });
    rate("integer_product" + pv, work, [&](const Table& t) {
      t.integer_product(a16.data(), chunk_keys, rows, a.data(), b8.data(), 2 * dim, chunk_keys / 2, dim, out.data(),
                        dim);
    });
  }
}

void Bench::elementwise() const {
  constexpr int64_t n = 576, rows = 4;
  const auto x = floats(n * rows), w = floats(n);
  const auto scores = filled<int32_t>(6 * chunk_keys, [](int64_t i) { return i % 97 * 1000; });
  const AlignedBuffer<float> y(n * rows), copy(n * rows);
  const AlignedBuffer<int16_t> y16(6 * chunk_keys);
  const AlignedBuffer<int8_t> y8(n);
  const auto row = [](float scale) { return SoftmaxRow{.begin = 0, .end = chunk_keys, .scale = scale}; };
  rate("softmax", chunk_keys, [&](const Table& t) {
    SoftmaxRow r = row(1);
    std::copy_n(x.data(), chunk_keys, y.data());
    t.softmax(r, y.data());
  });
  rate("integer_softmax, 6 rows", 6 * chunk_keys, [&](const Table& t) {
    SoftmaxRow r[6];
    std::fill_n(r, 6, row(1e-4f));
    float scales[6];
    t.integer_softmax(r, 6, scores.data(), w.data(), w.data(), chunk_keys, y.data(), y16.data(), scales);
  });
  rate("float_tile, 4 rows", n * rows, [&](const Table& t) { t.float_tile(x.data(), n, rows, n, y.data()); });
  rate("int8_tile, 4 rows", n * rows, [&](const Table& t) { t.int8_tile(x.data(), n, rows, n, y.data()); });
  rate("int8_pair_tile, 2 rows", n * 2, [&](const Table& t) { t.int8_pair_tile(x.data(), n, 2, n, y.data()); });
  rate("rms_norm", n, [&](const Table& t) { t.rms_norm(x.data(), w.data(), n, 1e-5f, y.data()); });
  rate("layer_norm", n, [&](const Table& t) { t.layer_norm(x.data(), w.data(), w.data(), n, 1e-5f, y.data()); });
  rate("activate silu", n, [&](const Table& t) { t.activate(Function::Silu, x.data(), w.data(), n, y.data()); });
  rate("activate gelu", n, [&](const Table& t) { t.activate(Function::Gelu, x.data(), nullptr, n, y.data()); });
  rate("to_int8", n, [&](const Table& t) { t.to_int8(x.data(), n, y8.data()); });
  rate("to_query", n, [&](const Table& t) {
    int32_t start;
    t.to_query(x.data(), n, y16.data(), &start);
  });
  rate("mix, blocks of 64", n, [&](const Table& t) { t.mix(copy.data(), n, 64); });
  rate("merge", n, [&](const Table& t) {
    float sum = 1;
    t.merge(copy.data(), x.data(), -1, 0, n, &sum, 1);
  });
}

// One row times a matrix that no cache holds, by all threads: GB/s of weights, beside what reading alone gives.
void Bench::memory() {
  constexpr int64_t cols = 1536;
  const int64_t bytes = int64_t{options_.quick ? 1 : 256} << 20;
  const std::string of = ", GB/s by " + std::to_string(pool_.size()) + " threads";
  const std::string read = "read" + of;
  if (!options_.quick && asked_for(read))
    std::printf("%-46s %9.2f\n", read.c_str(), measure_read_bandwidth(pool_) / 1e9);
  const auto x = floats(cols);
  const AlignedBuffer<float> tile(2 * cols);
  AlignedBuffer<uint16_t> matrix;
  for (const Kind& kind : kinds())
    line(kind.name() + of, [&](const Table& t) {
      if (matrix.size() == 0) matrix = weights(bytes);
      const int64_t unit = unit_bytes(kind.format, kind.scale, cols), units = bytes / unit;
      kind.tile(t, x.data(), 1, cols, tile.data());
      const auto all = [&](int thread) {
        const Range mine = share(units, thread, pool_.size());
        float out[unit_rows];
        for (int64_t u = mine.begin; u < mine.end; u++)
          kind.product(t)(reinterpret_cast<const std::byte*>(matrix.data()) + u * unit, cols, tile.data(), 1, out);
      };
      std::vector<double> times;
      for (int i = 0; i < (options_.quick ? 1 : 5); i++) times.push_back(seconds([&] { pool_.run(all); }));
      return static_cast<double>(units * unit) / median(times) / 1e9;
    });
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i++) {
    const std::string word = argv[i];
    const auto tables = usable_tables();
    if (word == "--quick") {
      options.quick = true;
    } else if (word == "--threads" && i + 1 < argc) {
      options.threads = std::max(1, std::atoi(argv[++i]));
    } else if (std::any_of(tables.begin(), tables.end(), [&](const Table* t) { return word == t->name; })) {
      options.tables.push_back(word);
    } else {
      options.names.push_back(word);
    }
  }
  Bench bench(options);
  bench.products();
  bench.attention();
  bench.elementwise();
  bench.memory();
}
