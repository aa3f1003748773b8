#include "checkpoint/quantize.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <vector>

#include "base/float16.h"

using namespace foretell;

namespace {

std::vector<float> random_group(std::mt19937& random, size_t size) {
  std::normal_distribution<float> normal(0.01f, 0.02f);
  std::vector<float> group(size);
  for (float& x : group) x = normal(random);
  if (random() % 3 == 0) group[random() % size] *= 8;  // one stands out
  return group;
}

double error_of(const std::vector<float>& group, const std::vector<float>& importance, const AffineGrid& grid,
                int bits) {
  double sum = 0;
  for (size_t i = 0; i < group.size(); i++)
    sum += importance[i] * std::pow(group[i] - grid_value(grid, nearest_code(grid, bits, group[i])), 2);
  return sum;
}

}  // namespace

TEST_CASE("a group's grid: the error is never larger than MLX's, and falls where there are few bits") {
  std::mt19937 random(1);
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const size_t size : {32u, 64u, 128u}) {
      double fitted = 0, mlx = 0;
      for (int i = 0; i < 50; i++) {
        const std::vector<float> group = random_group(random, size), ones(size, 1.0f);
        std::vector<uint8_t> codes(size);
        AffineGrid grid;
        quantize_affine(group, bits, static_cast<int64_t>(size), codes, {&grid.scale, 1}, {&grid.bias, 1});
        const AffineGrid found = fit_grid(group, ones, bits, DType::F32);
        const double before = error_of(group, ones, grid, bits), after = error_of(group, ones, found, bits);
        CHECK(after <= before * 1.0001);
        // Rounding to whole steps of the range moves no value by more than half a step.
        const auto [low, high] = std::minmax_element(group.begin(), group.end());
        const double step = (*high - *low) / static_cast<float>((1 << bits) - 1);
        CHECK(after <= static_cast<double>(size) * step * step / 4 * 1.0001);
        fitted += after;
        mlx += before;
      }
      INFO(bits << " bits, groups of " << size << ": " << fitted / mlx);
      CHECK(fitted < mlx * (bits <= 3 ? 0.85 : bits <= 5 ? 0.95 : 1.0));
    }
  }
}

TEST_CASE("a group's grid: values that lie on one are met, also in 16 bits") {
  std::mt19937 random(2);
  for (const DType dtype : {DType::F16, DType::BF16, DType::F32}) {
    for (const int bits : {2, 3, 4, 5, 6, 8}) {
      for (int i = 0; i < 50; i++) {
        const auto some = [&] { return static_cast<float>(random() % 100); };
        const AffineGrid grid{0x1p-7f * (1 + some()), -0x1p-4f * some()};
        std::vector<float> group(32), ones(32, 1.0f);
        for (size_t k = 0; k < group.size(); k++) {
          const auto most = (1u << bits) - 1;
          group[k] = grid_value(grid, static_cast<uint8_t>(k < 2 ? k * most : random() % (most + 1)));
        }
        const AffineGrid found = fit_grid(group, ones, bits, dtype);
        CHECK(error_of(group, ones, found, bits) <= 1e-12 * 32);
      }
    }
  }
}

TEST_CASE("a group's grid: scale and bias are numbers of the type, whatever the values") {
  const std::vector<float> ones(32, 1.0f);
  for (const float large : {0.0f, 1e-8f, 0.5f, 3e4f}) {
    for (const int bits : {2, 4, 8}) {
      std::vector<float> group(32, large);
      for (const bool all_equal : {true, false}) {
        if (!all_equal) group[5] = -large / 3;
        const AffineGrid half = fit_grid(group, ones, bits, DType::F16);
        CHECK(float_from_f16(f16_from_float(half.scale)) == half.scale);
        CHECK(float_from_f16(f16_from_float(half.bias)) == half.bias);
        const AffineGrid brain = fit_grid(group, ones, bits, DType::BF16);
        CHECK(float_from_bf16(bf16_from_float(brain.scale)) == brain.scale);
        CHECK(float_from_bf16(bf16_from_float(brain.bias)) == brain.bias);
        // A third is between two steps at worst, and 2^-25 is what F16 makes of numbers below.
        CHECK(error_of(group, ones, half, bits) <= 32 * std::pow(large * 0.23 + 0x1p-24, 2));
      }
    }
  }
}

TEST_CASE("a group's grid: what is important is met better") {
  std::mt19937 random(3);
  double plain = 0, weighted = 0;
  for (int i = 0; i < 100; i++) {
    const std::vector<float> group = random_group(random, 64), ones(64, 1.0f);
    std::vector<float> importance(64, 0.01f);
    for (size_t k = 0; k < 64; k += 5) importance[k] = 10;
    plain += error_of(group, importance, fit_grid(group, ones, 3, DType::F32), 3);
    weighted += error_of(group, importance, fit_grid(group, importance, 3, DType::F32), 3);
  }
  CHECK(weighted < 0.8 * plain);
}
