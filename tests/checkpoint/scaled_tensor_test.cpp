#include "checkpoint/scaled_tensor.h"

#include <catch2/catch.hpp>
#include <span>

#include "checkpoint/stored_matrix.h"

using namespace foretell;

namespace {

TensorView view_of(std::vector<float>& values, std::vector<int64_t> shape) {
  TensorView view;
  view.shape = std::move(shape);
  view.bytes = std::as_bytes(std::span(values));
  return view;
}

}  // namespace

TEST_CASE("a scale beside a stack of matrices is one for all or one for each") {
  std::vector<float> weights = {1, 2, 3, 4, 5, 6, 7, 8}, two = {10, 100}, three = {1, 2, 3};
  const TensorView stack = view_of(weights, {2, 2, 2});
  TensorView scaled = stack;
  scaled.quantized = scaled_tensor(stack, view_of(two, {2}), "w");
  const StoredMatrix matrix = StoredMatrix::of(scaled, "w");
  CHECK(matrix.describe() == "F32 with a scale");
  CHECK_FALSE(matrix.grouped());
  std::vector<float> row(2);
  matrix.read_row(1, row.data());
  CHECK(row == std::vector<float>{30, 40});
  matrix.slice(1).read_row(0, row.data());
  CHECK(row == std::vector<float>{500, 600});
  CHECK_THROWS_WITH(scaled_tensor(stack, view_of(three, {3}), "w"), Catch::Contains("expected 1 or 2 numbers"));
}
