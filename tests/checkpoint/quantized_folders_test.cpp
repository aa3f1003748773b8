// Small matrices in each format of quantized folders, against what the format's own program reads
// (tests/golden/folders/make.py).
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/mapped_file.h"
#include "checkpoint/quantized_formats.h"
#include "checkpoint/stored_matrix.h"
#include "foretell/error.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = FORETELL_SOURCE_DIR "/tests/golden/folders";

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

// The error in units of the last place of the larger number, at most; infinite where only one is NaN.
float largest_error(const std::vector<float>& found, const std::vector<float>& expected) {
  REQUIRE(found.size() == expected.size());
  float largest = 0;
  for (size_t i = 0; i < found.size(); i++) {
    if (std::isnan(found[i]) && std::isnan(expected[i])) continue;
    if (found[i] == expected[i]) continue;
    const float unit = std::ldexp(1.0F, std::ilogb(std::max(std::abs(found[i]), std::abs(expected[i]))) - 23);
    const float error = std::abs(found[i] - expected[i]) / unit;
    largest = std::isnan(error) ? INFINITY : std::max(largest, error);
  }
  return largest;
}

// Groups with codes in range and values within a rounding of the bias of those that read() gives.
void check_groups(const StoredMatrix& matrix) {
  std::vector<uint8_t> codes(static_cast<size_t>(matrix.cols()));
  std::vector<float> scales(codes.size() / static_cast<size_t>(matrix.group_size())), biases(scales), row(codes.size());
  CHECK(matrix.group_size() % 32 == 0);
  for (int64_t r = 0; r < matrix.rows(); r++) {
    matrix.read_groups(r, codes.data(), scales.data(), biases.data());
    matrix.read_row(r, row.data());
    for (size_t c = 0; c < codes.size(); c++) {
      const size_t g = c / static_cast<size_t>(matrix.group_size());
      CHECK(codes[c] < 1 << matrix.bits());
      CHECK(std::abs(std::fma(static_cast<float>(codes[c]), scales[g], biases[g]) - row[c]) <=
            std::abs(biases[g]) * 0x1p-23f);
    }
  }
}

struct Case {
  const char *layer, *description;
  int bits;               // 0: only floats
  float error_units = 0;  // of the last place
};

void check_folder(const char* folder, const std::vector<Case>& cases) {
  const Checkpoint checkpoint = open_checkpoint(golden / folder);
  for (const Case& c : cases) {
    INFO(folder << ": " << c.layer);
    const std::string name = c.layer;
    const StoredMatrix matrix =
        StoredMatrix::find(checkpoint, checkpoint.find(name) != nullptr ? name : name + ".weight");
    CHECK(matrix.describe() == c.description);
    CHECK(matrix.bits() == c.bits);
    CHECK(largest_error(all_rows(matrix), all_floats(checkpoint.at(name + ".expected"))) <= c.error_units);
    if (matrix.grouped()) check_groups(matrix);
    // A piece of a row, from and to where no group ends.
    std::vector<float> row(static_cast<size_t>(matrix.cols())), piece(5);
    matrix.read_row(1, row.data());
    matrix.read(1, 3, 8, piece.data());
    for (size_t i = 0; i < piece.size(); i++)
      CHECK((piece[i] == row[3 + i] || (std::isnan(piece[i]) && std::isnan(row[3 + i]))));
    for (const auto& bytes : matrix.file_bytes()) release_pages(bytes);
    std::vector<float> again(row.size());  // read anew from the file
    matrix.read_row(1, again.data());
    CHECK(std::memcmp(again.data(), row.data(), row.size() * sizeof(float)) == 0);
  }
}

}  // namespace

TEST_CASE("FP8 folders: a scale for each block, tensor and row") {
  check_folder("fp8", {{"blocks", "F8_E4M3, a scale for each block of 32x64", 0},
                       {"tensor", "F8_E4M3, one scale", 0},
                       {"channel", "F8_E5M2, one scale a row", 0},
                       {"row", "F8_E4M3, one scale a row", 0},
                       {"plain", "BF16", 0}});
  CHECK(open_checkpoint(golden / "fp8").find("blocks.input_scale") == nullptr);
}

TEST_CASE("FP8 weights without scales: every code of both types") {
  check_folder("fp8_plain", {{"e4m3", "F8_E4M3", 0}, {"e5m2", "F8_E5M2", 0}});
}

TEST_CASE("MXFP4 stacks of experts") {
  check_folder("mxfp4", {{"experts.gate_up_proj", "MXFP4", 5}});
  const Checkpoint checkpoint = open_checkpoint(golden / "mxfp4");
  const StoredMatrix stack = StoredMatrix::find(checkpoint, "experts.gate_up_proj");
  CHECK(stack.slices() == 3);
  const StoredMatrix last = stack.slice(2);
  CHECK(last.rows() == 5);
  CHECK(last.cols() == 64);
  const std::vector<float> all = all_rows(stack);
  CHECK(all_rows(last) == std::vector<float>(all.end() - 5 * 64, all.end()));
  check_groups(last);
}

TEST_CASE("GPTQ folders: 2, 3, 4 and 8 bits, with and without the order of activations") {
  check_folder("gptq2", {{"runs", "GPTQ 2-bit, groups of 32", 2}});
  check_folder("gptq3", {{"runs", "GPTQ 3-bit, groups of 32", 3}});
  check_folder("gptq4", {{"runs", "GPTQ 4-bit, groups of 32", 4},
                         {"order", "GPTQ 4-bit, groups of 32 in the order of activations", 0}});
  check_folder("gptq8", {{"runs", "GPTQ 8-bit, groups of 32", 8},
                         {"order", "GPTQ 8-bit, groups of 32 in the order of activations", 0}});
  check_folder("gptq4_row", {{"runs", "GPTQ 4-bit, one scale a row", 4}});
}

TEST_CASE("GPTQ folders of the second format have zero points as they are") {
  check_folder("gptq4_v2", {{"runs", "GPTQ 4-bit, groups of 32", 4},
                            {"order", "GPTQ 4-bit, groups of 32 in the order of activations", 0}});
}

TEST_CASE("AWQ folders") { check_folder("awq", {{"layer", "AWQ 4-bit, groups of 32", 4}}); }

TEST_CASE("compressed-tensors folders: packed whole numbers") {
  check_folder("ct_packed", {{"w4_group", "compressed-tensors 4-bit, groups of 32", 4},
                             {"w4_channel", "compressed-tensors 4-bit, one scale a row", 4},
                             {"w4_zero", "compressed-tensors 4-bit, groups of 32", 4},
                             {"w8_group", "compressed-tensors 8-bit, groups of 32", 8},
                             {"w8_zero_channel", "compressed-tensors 8-bit, one scale a row", 8},
                             {"w3_group", "compressed-tensors 3-bit, groups of 32", 3},
                             {"w4_narrow", "compressed-tensors 4-bit, one scale a row", 0},
                             {"plain", "BF16", 0}});
}

TEST_CASE("compressed-tensors folders: 8-bit whole numbers") {
  check_folder("ct_int", {{"channel", "compressed-tensors 8-bit, one scale a row", 8},
                          {"tensor", "compressed-tensors 8-bit, one scale", 8},
                          {"zero", "compressed-tensors 8-bit, one scale a row", 8},
                          {"plain", "BF16", 0}});
}

TEST_CASE("compressed-tensors folders: float8") {
  check_folder("ct_float", {{"channel", "F8_E4M3, one scale a row", 0},
                            {"tensor", "F8_E4M3, one scale", 0},
                            {"block", "F8_E4M3, a scale for each block of 32x64", 0}});
}

TEST_CASE("bitsandbytes folders: NF4 and FP4") {
  check_folder("bnb4", {{"nf4", "bitsandbytes NF4, blocks of 64", 0},
                        {"nf4_nested", "bitsandbytes NF4, blocks of 64, scales in 8 bits", 0},
                        {"nf4_words", "bitsandbytes NF4, blocks of 128", 0},
                        {"fp4", "bitsandbytes FP4, blocks of 64", 0}});
}

TEST_CASE("bitsandbytes folders: LLM.int8") {
  // The reference multiplies by 1 / 127, rounded, and by the scale; here the scale is divided by 127.
  check_folder("bnb8", {{"layer", "bitsandbytes 8-bit, one scale a row", 8, 2}});
}

TEST_CASE("docs/folders.md lists the methods of quantization as the code has them") {
  const std::string page = read_text_file(FORETELL_SOURCE_DIR "/docs/folders.md");
  std::vector<std::string> listed;
  for (size_t at = 0; (at = page.find("\n| `", at)) != std::string::npos; at++)
    listed.push_back(page.substr(at + 4, page.find('`', at + 4) - at - 4));
  CHECK(listed == quantization_methods());
}
