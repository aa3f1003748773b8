// What the numbers of a tensor are like, against the plain formulas, with any number of threads.
#include "checkpoint/tensor_statistics.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>


using namespace foretell;

namespace {


TensorView view_of(const std::vector<float>& values, std::vector<int64_t> shape) {
  return {.dtype = DType::F32, .shape = std::move(shape), .bytes = std::as_bytes(std::span(values)), .file = "f"};
}

}  // namespace

TEST_CASE("statistics of tensors are those of the formulas") {
  std::vector<float> values(3000 * 100);
  for (size_t i = 0; i < values.size(); i++)
    values[i] = i % 7 == 0 ? 0.0f : static_cast<float>(std::sin(static_cast<double>(i))) - 0.25f;
  const TensorView view = view_of(values, {3000, 100});
  double sum = 0, squares = 0;
  for (const float v : values) sum += v;
  const double mean = sum / static_cast<double>(values.size());
  for (const float v : values) squares += (v - mean) * (v - mean);
  const std::vector<StoredMatrix> matrices = {StoredMatrix::of(view, "x"), StoredMatrix::of(view, "y")};
  std::vector<TensorStatistics> first;
  for (const int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    int64_t read = 0;
    const auto all = tensor_statistics(matrices, pool, [&](int64_t numbers) { read += numbers; });
    REQUIRE(all.size() == 2);
    CHECK(read == 2 * std::ssize(values));
    CHECK(all[1].count == std::ssize(values));
    CHECK(all[1].zeros == (std::ssize(values) + 6) / 7);
    CHECK(all[1].smallest == *std::min_element(values.begin(), values.end()));
    CHECK(all[1].largest == *std::max_element(values.begin(), values.end()));
    CHECK(all[1].mean() == Approx(mean));
    CHECK(all[1].deviation() == Approx(std::sqrt(squares / static_cast<double>(values.size()))));
    if (first.empty()) first = all;
    CHECK(all[0].sum == first[0].sum);  // to the bit
    CHECK(all[0].squares == first[0].squares);
  }
}

TEST_CASE("statistics leave out what is not finite, and say where it is") {
  std::vector<float> values = {1, 2, NAN, 4, -INFINITY, 6};
  const TensorView view = view_of(values, {2, 3});
  ThreadPool pool(1);
  const TensorStatistics s = tensor_statistics(std::vector{StoredMatrix::of(view, "x")}, pool)[0];
  CHECK(s.not_finite == 2);
  CHECK(s.first_bad == 2);
  CHECK(std::isnan(s.first_bad_value));
  CHECK(s.mean() == Approx(13.0 / 4));
  CHECK(s.largest == 6);
  CHECK(TensorStatistics{}.mean() == 0);
  CHECK(TensorStatistics{}.zero_share() == 0);
}
