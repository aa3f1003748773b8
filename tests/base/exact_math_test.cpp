#include "base/exact_math.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace foretell;

TEST_CASE("exp, log, sine and cosine agree with the C library") {
  for (int i = -70000; i <= 70000; i++) {
    const double x = i * 0.01 + 0.00123;
    CHECK_FALSE(std::abs(exact_exp(x) - std::exp(x)) > 4e-16 * std::exp(x));
    const double y = std::exp(x * 0.5);
    CHECK_FALSE(std::abs(exact_log(y) - std::log(y)) > 4e-16 * std::max(1.0, std::abs(std::log(y))));
    const double angle = x * 1000;
    CHECK_FALSE(std::abs(exact_sine_cosine(angle).sine - std::sin(angle)) > 1e-15);
    CHECK_FALSE(std::abs(exact_sine_cosine(angle).cosine - std::cos(angle)) > 1e-15);
  }
}

TEST_CASE("exp and log at the ends of their range") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(exact_exp(0) == 1);
  CHECK(exact_exp(-infinity) == 0);
  CHECK(exact_exp(infinity) == infinity);
  CHECK(std::isnan(exact_exp(std::nan(""))));
  CHECK(exact_log(1) == 0);
  CHECK(exact_log(0) == -infinity);
  CHECK(exact_log(5e-324) == Approx(std::log(5e-324)));
  CHECK(std::isnan(exact_log(-1)));
  CHECK(exact_exp(-740) == Approx(std::exp(-740)));
  CHECK(exact_pow(10000, -0.25) == Approx(0.1).epsilon(1e-14));
}
