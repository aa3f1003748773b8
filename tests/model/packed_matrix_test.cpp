#include "model/packed_matrix.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "checkpoint/gguf.h"
#include "checkpoint/quantized_tensor.h"
#include "kernels/dispatch.h"
#include "model/unit_packer.h"

using namespace foretell;

namespace {

std::vector<std::byte> pack(const MatrixSource& source, PackedMatrix& matrix, int quantize_bits = 0,
                            Precision precision = Precision::Fast) {
  matrix = plan_packing(source, quantize_bits, precision);
  std::vector<std::byte> arena(static_cast<size_t>(matrix.bytes()));
  UnitPacker packer(kernels::select_table(""));
  for (int64_t u = 0; u < matrix.units(); u++) packer.pack(source, matrix, u, arena.data() + u * matrix.stride);
  matrix.data = arena.data();
  return arena;
}

// A matrix of floats in memory.
struct FloatMatrix {
  std::vector<float> values;
  TensorView view;
  FloatMatrix(int64_t rows, int64_t cols) {
    for (int64_t i = 0; i < rows * cols; i++)
      values.push_back(static_cast<float>(std::sin(static_cast<double>(i) * 0.7)));
    view.dtype = DType::F32;
    view.shape = {rows, cols};
    view.bytes = std::as_bytes(std::span(values));
  }
};

}  // namespace

TEST_CASE("packing loses nothing: MLX's groups of every width") {
  const Checkpoint checkpoint = open_checkpoint(FORETELL_SOURCE_DIR "/tests/golden/quantized");
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group_size : {32, 64, 128}) {
      const std::string name = "layers.bits" + std::to_string(bits) + ".groups" + std::to_string(group_size);
      CAPTURE(name);
      MatrixSource source;
      source.stored = StoredMatrix::find(checkpoint, name + ".weight");
      source.rows = source.stored.rows();
      source.cols = source.stored.cols();
      PackedMatrix matrix;
      const auto arena = pack(source, matrix);
      CHECK(matrix.format == (bits <= 4 ? kernels::Format::Affine4 : kernels::Format::Affine8));
      std::vector<float> expected(static_cast<size_t>(source.cols)), found(expected.size());
      for (int64_t r = 0; r < source.rows; r++) {
        source.stored.read_row(r, expected.data());
        unpack_row(matrix, r, found.data());
        CHECK(found == expected);
      }
    }
  }
}

TEST_CASE("packing loses nothing: some rows, and columns of a matrix that is stored with its inputs first") {
  const FloatMatrix stored(70, 48);
  PackedMatrix matrix;
  MatrixSource rows{StoredMatrix::of(stored.view, "w"), 20, 37, 48};
  auto arena = pack(rows, matrix);
  std::vector<float> found(48);
  for (int64_t r = 0; r < 37; r++) {
    unpack_row(matrix, r, found.data());
    CHECK(std::memcmp(found.data(), stored.values.data() + (20 + r) * 48, 48 * sizeof(float)) == 0);
  }
  // Rows beyond the matrix are zeros, so that their products are too.
  CHECK(matrix.units() == 2);
  const auto* unit = reinterpret_cast<const float*>(matrix.unit(1));
  for (int64_t c = 0; c < 48; c++)
    for (int r = 5; r < kernels::unit_rows; r++) CHECK(unit[c * kernels::unit_rows + r] == 0);

  MatrixSource columns{StoredMatrix::of(stored.view, "w"), 7, 33, 70, true};
  arena = pack(columns, matrix);
  found.resize(70);
  for (int64_t r = 0; r < 33; r++) {
    unpack_row(matrix, r, found.data());
    for (size_t c = 0; c < 70; c++) CHECK(found[c] == stored.values[c * 48 + 7 + static_cast<size_t>(r)]);
  }
}

TEST_CASE("packing loses nothing of 16-bit floats, whatever the number of rows and inputs") {
  constexpr int64_t rows = 75, cols = 102;
  std::vector<uint16_t> values;
  for (int64_t i = 0; i < rows * cols; i++) values.push_back(static_cast<uint16_t>(i * 7 % 31743));  // finite in both
  TensorView view;
  view.shape = {rows, cols};
  view.bytes = std::as_bytes(std::span(values));
  for (const DType dtype : {DType::F16, DType::BF16}) {
    view.dtype = dtype;
    PackedMatrix matrix;
    const MatrixSource source{StoredMatrix::of(view, "w"), 0, rows, cols};
    const auto arena = pack(source, matrix);
    CHECK(matrix.unit_bytes() == cols * kernels::unit_rows * 2);
    std::vector<float> expected(cols), found(cols);
    for (int64_t r = 0; r < rows; r++) {
      source.stored.read_row(r, expected.data());
      unpack_row(matrix, r, found.data());
      CHECK(found == expected);
    }
  }
}

TEST_CASE("packing loses nothing of groups that stand as they are wanted, in whole panels and in what is left") {
  constexpr int64_t rows = 75, cols = 192;
  for (const int bits : {4, 8}) {
    for (const int64_t size : {32, 64}) {
      CAPTURE(bits, size);
      Checkpoint checkpoint;
      checkpoint.config = {{"quantization", {{"bits", bits}, {"group_size", size}}}};
      std::vector<uint32_t> words;
      for (int64_t i = 0; i < rows * cols * bits / 32; i++) words.push_back(static_cast<uint32_t>(i) * 2654435761U);
      std::vector<uint16_t> scales, biases;
      for (int64_t i = 0; i < rows * cols / size; i++) {
        scales.push_back(static_cast<uint16_t>(0x2000 + i));
        biases.push_back(static_cast<uint16_t>(0xb000 + i));
      }
      const auto put = [&](const char* name, DType dtype, int64_t line, const auto& values) {
        TensorView& view = checkpoint.tensors[name];
        view.dtype = dtype;
        view.shape = {rows, line};
        view.bytes = std::as_bytes(std::span(values));
      };
      put("w.weight", DType::U32, cols * bits / 32, words);
      put("w.scales", DType::F16, cols / size, scales);
      put("w.biases", DType::F16, cols / size, biases);
      PackedMatrix matrix;
      const MatrixSource source{StoredMatrix::find(checkpoint, "w.weight"), 0, rows, cols};
      const auto arena = pack(source, matrix);
      std::vector<float> expected(cols), found(cols);
      for (int64_t r = 0; r < rows; r++) {
        source.stored.read_row(r, expected.data());
        unpack_row(matrix, r, found.data());
        CHECK(found == expected);
      }
    }
  }
}

namespace {

// A matrix of small numbers that counts how often its elements are read.
class Counted final : public QuantizedTensor {
 public:
  Counted(int64_t rows, int64_t cols, bool groups) : reads(static_cast<size_t>(rows * cols)) {
    shape = {rows, cols};
    bits = groups ? 4 : 0;
    group_size = groups ? 32 : 0;
  }
  void read(int64_t row, int64_t begin, int64_t end, float* out) const override {
    for (int64_t c = begin; c < end; c++) reads[static_cast<size_t>(row * cols() + c)]++;
    std::fill(out, out + (end - begin), 1.0f);
  }
  void read_groups(int64_t row, uint8_t* codes, float* scales, float* biases) const override {
    for (int64_t c = 0; c < cols(); c++) reads[static_cast<size_t>(row * cols() + c)]++;
    std::fill(codes, codes + cols(), uint8_t{1});
    std::fill(scales, scales + cols() / 32, 1.0f);
    std::fill(biases, biases + cols() / 32, 0.0f);
  }
  mutable std::vector<int> reads;
};

}  // namespace

TEST_CASE("packing reads every element once, whatever it becomes") {
  for (const bool groups : {false, true}) {
    for (const int bits : {0, 4, 8}) {
      CAPTURE(groups, bits);
      const auto tensor = std::make_shared<Counted>(70, 320, groups);
      TensorView view;
      view.shape = tensor->shape;
      view.quantized = tensor;
      PackedMatrix matrix;
      const auto arena = pack({StoredMatrix::of(view, "w"), 0, 70, 320}, matrix, bits, Precision::Exact);
      CHECK(std::all_of(tensor->reads.begin(), tensor->reads.end(), [](int n) { return n == 1; }));
    }
  }
}

TEST_CASE("quantizing while packing keeps each weight within a step, also of turned matrices") {
  const FloatMatrix stored(64, 64);
  for (const bool transposed : {false, true}) {
    for (const int bits : {4, 8}) {
      PackedMatrix matrix;
      const MatrixSource source{StoredMatrix::of(stored.view, "w"), 0, 64, 64, transposed};
      const auto arena = pack(source, matrix, bits);
      std::vector<float> found(64);
      // The range of a group is at most 2. Within it a weight is met within half a step; but the formula brings 0 onto
      // a whole number of steps, for which the end of smaller magnitude gives way by up to one.
      const double step = 2.0 / ((1 << bits) - 1);
      for (size_t r = 0; r < 64; r++) {
        unpack_row(matrix, static_cast<int64_t>(r), found.data());
        for (size_t c = 0; c < 64; c++)
          CHECK_FALSE(std::abs(found[c] - stored.values[transposed ? c * 64 + r : r * 64 + c]) > step);
      }
    }
  }
}

TEST_CASE("packing loses nothing of GGUF's blocks, but for those that are no groups where speed is asked for") {
  const GgufFile file = read_gguf(FORETELL_SOURCE_DIR "/tests/golden/gguf/blocks.gguf");
  for (const auto& [name, view] : file.tensors) {
    if (name.ends_with(".expected")) continue;
    CAPTURE(name);
    const MatrixSource source{StoredMatrix::of(view, name), 0, 1, view.elements()};
    std::vector<float> expected(static_cast<size_t>(source.cols)), found(expected.size());
    source.stored.read_row(0, expected.data());
    for (const Precision precision : {Precision::Fast, Precision::High, Precision::Exact}) {
      PackedMatrix matrix;
      const auto arena = pack(source, matrix, 0, precision);
      unpack_row(matrix, 0, found.data());
      CHECK(kernels::is_affine(matrix.format) == (source.stored.grouped() || precision != Precision::Exact));
      if (source.stored.grouped() || precision == Precision::Exact) {
        CHECK(found == expected);
        continue;
      }
      CHECK(matrix.format == kernels::Format::Affine8);
      for (size_t g = 0; g < expected.size(); g += 32) {  // half a step of 255, and the end that is met exactly
        const auto [low, high] = std::minmax_element(&expected[g], &expected[g] + 32);
        for (size_t i = g; i < g + 32; i++) CHECK(std::abs(found[i] - expected[i]) <= (*high - *low) / 255 * 1.01F);
      }
    }
  }
}

TEST_CASE("packing loses nothing: groups of quantized folders, and float8 as bfloat16") {
  struct Case {
    const char *folder, *name;
    kernels::Format format;
  };
  using kernels::Format;
  for (const auto& [folder, name, format] : {Case{"awq", "layer.weight", Format::Affine4},
                                             {"gptq3", "runs.weight", Format::Affine4},
                                             {"gptq4_row", "runs.weight", Format::Affine4},
                                             {"ct_packed", "w4_channel.weight", Format::Affine4},
                                             {"ct_packed", "w8_zero_channel.weight", Format::Affine8},
                                             {"bnb8", "layer.weight", Format::Affine8},
                                             {"mxfp4", "experts.gate_up_proj", Format::Affine8},
                                             {"fp8_plain", "e4m3.weight", Format::BFloat16},
                                             {"fp8_plain", "e5m2.weight", Format::BFloat16}}) {
    CAPTURE(folder, name);
    const Checkpoint checkpoint =
        open_checkpoint(std::filesystem::path(FORETELL_SOURCE_DIR "/tests/golden/folders") / folder);
    MatrixSource source;
    source.stored = StoredMatrix::find(checkpoint, name);
    if (source.stored.slices() > 1) source.stored = source.stored.slice(1);
    source.rows = source.stored.rows();
    source.cols = source.stored.cols();
    PackedMatrix matrix;
    const auto arena = pack(source, matrix);
    CHECK(matrix.format == format);
    std::vector<float> expected(static_cast<size_t>(source.cols)), found(expected.size());
    for (int64_t r = 0; r < source.rows; r++) {
      source.stored.read_row(r, expected.data());
      unpack_row(matrix, r, found.data());
      for (size_t c = 0; c < found.size(); c++)
        CHECK((found[c] == expected[c] || (std::isnan(found[c]) && std::isnan(expected[c]))));
    }
  }
}
