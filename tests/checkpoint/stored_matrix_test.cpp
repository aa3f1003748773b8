#include "checkpoint/stored_matrix.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "base/float16.h"
#include "checkpoint/safetensors.h"
#include "foretell/error.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = FORETELL_SOURCE_DIR "/tests/golden/quantized";

std::vector<float> all_floats(const TensorView& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  read_floats(tensor, 0, tensor.elements(), values.data());
  return values;
}

std::vector<float> all_rows(const StoredMatrix& matrix) {
  std::vector<float> values(static_cast<size_t>(matrix.rows() * matrix.cols()));
  for (int64_t r = 0; r < matrix.rows(); r++) matrix.read_row(r, values.data() + r * matrix.cols());
  return values;
}

// code * scale + bias from read_groups.
std::vector<float> from_groups(const StoredMatrix& matrix) {
  std::vector<float> values;
  std::vector<uint8_t> codes(static_cast<size_t>(matrix.cols()));
  std::vector<float> scales(codes.size() / static_cast<size_t>(matrix.group_size())), biases(scales.size());
  for (int64_t r = 0; r < matrix.rows(); r++) {
    matrix.read_groups(r, codes.data(), scales.data(), biases.data());
    for (size_t c = 0; c < codes.size(); c++) {
      const size_t g = c / static_cast<size_t>(matrix.group_size());
      CHECK(codes[c] < 1 << matrix.bits());
      values.push_back(std::fma(static_cast<float>(codes[c]), scales[g], biases[g]));
    }
  }
  return values;
}

}  // namespace

TEST_CASE("MLX's affine groups of every width are read as MLX reads them") {
  const Checkpoint checkpoint = open_checkpoint(golden);
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group_size : {32, 64, 128}) {
      const std::string layer = "layers.bits" + std::to_string(bits) + ".groups" + std::to_string(group_size);
      INFO(layer);
      const StoredMatrix matrix = StoredMatrix::find(checkpoint, layer + ".weight");
      CHECK(matrix.layout() == StoredMatrix::Layout::Affine);
      CHECK(matrix.bits() == bits);
      CHECK(matrix.group_size() == group_size);
      REQUIRE(matrix.rows() == 3);
      REQUIRE(matrix.cols() == 256);
      const DType scales = group_size == 32 ? DType::F16 : group_size == 64 ? DType::BF16 : DType::F32;
      CHECK(matrix.scale_dtype() == scales);
      const std::vector<float> expected = all_floats(checkpoint.at(layer + ".expected")), found = all_rows(matrix);
      for (size_t i = 0; i < expected.size(); i++) {
        // MLX rounds the product too; with 16-bit scales it is exact, with 32-bit ones off by half a unit in the last
        // place, of at most |scale| * 255 < 8 here.
        const float bound = scales == DType::F32 ? 0x1p-21f : 0;
        CHECK(std::abs(found[i] - expected[i]) <= bound);
      }
      CHECK(from_groups(matrix) == found);
    }
  }
}

TEST_CASE("a layer that config.json calls not quantized is read as floats") {
  const Checkpoint checkpoint = open_checkpoint(golden);
  const StoredMatrix matrix = StoredMatrix::find(checkpoint, "layers.plain.weight");
  CHECK(matrix.layout() == StoredMatrix::Layout::Float);
  CHECK(matrix.describe() == "BF16");
  CHECK(all_rows(matrix) == all_floats(checkpoint.at("layers.plain.expected")));
}

TEST_CASE("GGUF's blocks are read as the gguf package reads them") {
  Checkpoint file;
  add_safetensors_file(golden / "blocks.safetensors", file);
  for (const DType dtype : {DType::Q4_0, DType::Q4_1, DType::Q5_0, DType::Q5_1, DType::Q8_0}) {
    const std::string name(info(dtype).name);
    INFO(name);
    TensorView view = file.at(name);
    view.dtype = dtype;
    view.shape = {4, 96};
    const StoredMatrix matrix = StoredMatrix::of(view, name);
    CHECK(matrix.layout() == StoredMatrix::Layout::Blocks);
    CHECK(matrix.describe() == name);
    const std::vector<float> expected = all_floats(file.at(name + ".expected"));
    CHECK(all_rows(matrix) == expected);
    CHECK(from_groups(matrix) == expected);
    std::vector<float> middle(32);
    matrix.read(2, 32, 64, middle.data());
    CHECK(std::equal(middle.begin(), middle.end(), expected.begin() + 2 * 96 + 32));
  }
}

TEST_CASE("floats of every width are read at any alignment") {
  const std::vector<float> values = {1, -2.5F, 0, 0x1p-24F, 65504, 0.333251953125F};
  const auto check = [&](DType dtype, auto convert) {
    using T = decltype(convert(0.0F));
    std::vector<std::byte> bytes(1 + values.size() * sizeof(T));
    for (size_t i = 0; i < values.size(); i++) {
      const T stored = convert(values[i]);
      std::memcpy(bytes.data() + 1 + i * sizeof(T), &stored, sizeof(T));
    }
    TensorView view;
    view.dtype = dtype;
    view.shape = {2, 3};
    view.bytes = std::span(bytes).subspan(1);
    const StoredMatrix matrix = StoredMatrix::of(view, "w");
    std::vector<float> rows = all_rows(matrix);
    if (dtype == DType::BF16) rows[5] = values[5], rows[4] = values[4];  // not representable: rounded
    CHECK(rows == values);
    view.offset = 1;
    CHECK(all_floats(view)[1] == -3.5F);
    CHECK(matrix.file_bytes().empty());
  };
  check(DType::F32, [](float x) { return x; });
  check(DType::F64, [](float x) { return static_cast<double>(x); });
  check(DType::F16, f16_from_float);
  check(DType::BF16, bf16_from_float);
}

TEST_CASE("GGUF's order of rotary rows is undone") {
  // Two heads of four rows; published row i of a head is stored at 2 i, row i + 2 at 2 i + 1.
  std::vector<float> stored = {0, 2, 1, 3, 4, 6, 5, 7};
  TensorView view;
  view.shape = {8, 1};
  view.bytes = std::as_bytes(std::span(stored));
  view.interleaved_heads = 2;
  CHECK(all_rows(StoredMatrix::of(view, "w")) == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7});
  view.shape = {1, 8};
  CHECK_THROWS_AS(StoredMatrix::of(view, "w"), Error);
}

TEST_CASE("a stack of matrices is read whole and slice by slice") {
  std::vector<float> stored(2 * 3 * 4);
  for (size_t i = 0; i < stored.size(); i++) stored[i] = static_cast<float>(i);
  TensorView view;
  view.shape = {2, 3, 4};
  view.bytes = std::as_bytes(std::span(stored));
  const StoredMatrix stack = StoredMatrix::of(view, "w");
  CHECK(stack.slices() == 2);
  CHECK(stack.rows() == 6);
  CHECK(all_rows(stack) == stored);
  const StoredMatrix second = stack.slice(1);
  CHECK(second.name() == "w[1]");
  CHECK(second.rows() == 3);
  CHECK(all_rows(second) == std::vector<float>(stored.begin() + 12, stored.end()));
}

TEST_CASE("a stack of affine matrices is read slice by slice") {
  // One row of 32 inputs in 8 bits, scale 1, and the slice's number + 1 as the bias.
  std::vector<uint8_t> codes(2 * 32, 7);
  const std::vector<float> scales = {1, 1}, biases = {1, 2};
  Checkpoint checkpoint;
  checkpoint.config = Json::parse(R"({"quantization":{"bits":8,"group_size":32}})");
  const auto add = [&](const char* name, DType dtype, std::vector<int64_t> shape, std::span<const std::byte> bytes) {
    TensorView view;
    view.dtype = dtype;
    view.shape = std::move(shape);
    view.bytes = bytes;
    checkpoint.tensors.emplace(name, view);
  };
  add("l.weight", DType::U32, {2, 1, 8}, std::as_bytes(std::span(codes)));
  add("l.scales", DType::F32, {2, 1, 1}, std::as_bytes(std::span(scales)));
  add("l.biases", DType::F32, {2, 1, 1}, std::as_bytes(std::span(biases)));
  const StoredMatrix stack = StoredMatrix::find(checkpoint, "l.weight");
  CHECK(stack.rows() == 2);
  for (const int64_t slice : {0, 1})
    CHECK(all_rows(stack.slice(slice)) == std::vector<float>(32, static_cast<float>(8 + slice)));
}
