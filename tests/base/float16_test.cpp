#include "base/float16.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace foretell;

namespace {

// The value of IEEE 754 binary16 bits by its definition: sign, 5 bits of exponent, 10 of fraction.
double half_value(uint32_t bits) {
  const double sign = bits & 0x8000u ? -1 : 1;
  const int exponent = static_cast<int>(bits >> 10 & 31u);
  const double fraction = (bits & 1023u) / 1024.0;
  if (exponent == 31)
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  return exponent == 0 ? sign * std::ldexp(fraction, -14) : sign * std::ldexp(1 + fraction, exponent - 15);
}

// The same for bfloat16: 8 bits of exponent, 7 of fraction.
double bfloat_value(uint32_t bits) {
  const double sign = bits & 0x8000u ? -1 : 1;
  const int exponent = static_cast<int>(bits >> 7 & 255u);
  const double fraction = (bits & 127u) / 128.0;
  if (exponent == 255)
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  return exponent == 0 ? sign * std::ldexp(fraction, -126) : sign * std::ldexp(1 + fraction, exponent - 127);
}

bool same(double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b); }

struct Format {
  const char* name;
  double (*value)(uint32_t);
  float (*widen)(uint16_t);
  uint16_t (*narrow)(float);
  uint16_t infinity;
};

const Format formats[] = {{"binary16", half_value, float_from_f16, f16_from_float, 0x7c00},
                          {"bfloat16", bfloat_value, float_from_bf16, bf16_from_float, 0x7f80}};

}  // namespace

TEST_CASE("each of the 65,536 values of both 16-bit floats is widened exactly and comes back") {
  for (const Format& f : formats) {
    int wrong = 0, lost = 0;
    for (uint32_t bits = 0; bits < 65536; bits++) {
      const float wide = f.widen(static_cast<uint16_t>(bits));
      wrong += !same(wide, f.value(bits));
      const uint16_t back = f.narrow(wide);
      lost += std::isnan(wide) ? !std::isnan(f.widen(back)) : back != bits;
    }
    INFO(f.name);
    CHECK(wrong == 0);
    CHECK(lost == 0);
  }
}

TEST_CASE("between two neighbours the nearer one is taken, at the middle the even one") {
  for (const Format& f : formats) {
    int wrong = 0;
    for (uint32_t low = 0; low + 1 < f.infinity; low++) {  // positive, finite, with a finite neighbour
      const double a = f.value(low), b = f.value(low + 1), middle = (a + b) / 2;  // exact in double, and in float
      const auto at = static_cast<float>(middle);
      const uint32_t even = low % 2 == 0 ? low : low + 1;
      const float below = std::nextafter(at, 0.0F), above = std::nextafter(at, std::numeric_limits<float>::infinity());
      if (static_cast<double>(at) == middle) wrong += f.narrow(at) != even;
      wrong += f.narrow(below) != low && static_cast<double>(below) >= a;
      wrong += f.narrow(above) != low + 1 && static_cast<double>(above) <= b;
      wrong += f.narrow(-below) != (low | 0x8000u) && static_cast<double>(below) >= a;
    }
    INFO(f.name);
    CHECK(wrong == 0);
  }
}

TEST_CASE("what is too large becomes infinity, and NaN stays NaN") {
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(f16_from_float(65504) == 0x7bff);
  CHECK(f16_from_float(std::nextafter(65520.0F, 0.0F)) == 0x7bff);
  CHECK(f16_from_float(65520) == 0x7c00);  // half way to 65536
  CHECK(f16_from_float(-1e30F) == 0xfc00);
  CHECK(bf16_from_float(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(bf16_from_float(0x1.fep127F) == 0x7f7f);
  for (const Format& f : formats) {
    CHECK(f.narrow(infinity) == f.infinity);
    CHECK(f.narrow(-infinity) == (f.infinity | 0x8000));
    // NaNs whose payload lies only in the bits that are cut off must not become infinity.
    for (const uint32_t bits : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0xffc00000u})
      CHECK(std::isnan(f.widen(f.narrow(std::bit_cast<float>(bits)))));
    CHECK(f.narrow(1e-45F) == 0);  // the least float, far below half of the least number of either
    CHECK(f.narrow(-1e-45F) == 0x8000);
  }
}
