#include "checkpoint/gguf_blocks.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "checkpoint/gguf.h"
#include "checkpoint/stored_matrix.h"

using namespace foretell;

namespace {

// The floats that the codes, scales and biases of row 0 stand for.
std::vector<float> from_groups(const StoredMatrix& matrix) {
  const auto cols = static_cast<size_t>(matrix.cols()), size = static_cast<size_t>(matrix.group_size());
  std::vector<uint8_t> codes(cols);
  std::vector<float> scales(cols / size), biases(cols / size), values(cols);
  matrix.read_groups(0, codes.data(), scales.data(), biases.data());
  for (size_t i = 0; i < cols; i++) {
    CHECK(codes[i] < 1 << matrix.bits());
    values[i] = std::fma(static_cast<float>(codes[i]), scales[i / size], biases[i / size]);
  }
  return values;
}

// A row of random blocks is read as the gguf package reads it, to the last bit (tests/golden/gguf/make_blocks.py).
void check_type(const std::string& type, bool grouped) {
  static const GgufFile file = read_gguf(FORETELL_SOURCE_DIR "/tests/golden/gguf/blocks.gguf");
  const TensorView& view = file.tensors.at(type);
  CHECK(info(view.dtype).name == type);
  std::vector<float> expected(static_cast<size_t>(view.elements())), found(expected.size());
  read_floats(file.tensors.at(type + ".expected"), 0, view.elements(), expected.data());

  const StoredMatrix matrix = StoredMatrix::of(view, type);
  REQUIRE(matrix.cols() == view.elements());
  CHECK(matrix.describe() == type);
  matrix.read_row(0, found.data());
  CHECK(found == expected);
  const int64_t size = info(view.dtype).block_elements;
  matrix.read(0, size, 2 * size, found.data());
  CHECK(std::equal(found.begin(), found.begin() + size, expected.begin() + size));

  CHECK(matrix.grouped() == grouped);
  if (!grouped) {
    CHECK(matrix.layout() == StoredMatrix::Layout::Decoded);
    return;
  }
  CHECK(matrix.group_size() == 32);
  CHECK(from_groups(matrix) == expected);
}

}  // namespace

#define GROUPED(type) \
  TEST_CASE("GGUF's " #type " is read as the gguf package reads it, as groups too") { check_type(#type, true); }
#define DECODED(type) \
  TEST_CASE("GGUF's " #type " is read as the gguf package reads it") { check_type(#type, false); }

GROUPED(Q4_0)
GROUPED(Q4_1)
GROUPED(Q5_0)
GROUPED(Q5_1)
GROUPED(Q8_0)
DECODED(Q2_K)
GROUPED(Q3_K)
GROUPED(Q4_K)
GROUPED(Q5_K)
DECODED(Q6_K)
GROUPED(Q8_K)
GROUPED(IQ1_S)
GROUPED(IQ1_M)
GROUPED(IQ2_XXS)
DECODED(IQ2_XS)
DECODED(IQ2_S)
GROUPED(IQ3_XXS)
GROUPED(IQ3_S)
GROUPED(IQ4_NL)
GROUPED(IQ4_XS)
GROUPED(TQ1_0)
GROUPED(TQ2_0)
GROUPED(MXFP4)
DECODED(NVFP4)
GROUPED(Q1_0)
