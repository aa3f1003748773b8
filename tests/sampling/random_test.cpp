#include "sampling/random.h"

#include <catch2/catch.hpp>
#include <set>

#include "foretell/sampling.h"

using namespace foretell;
using Words = std::array<uint32_t, 4>;

TEST_CASE("Philox4x32-10 gives the known answers of its authors") {  // Random123's kat_vectors
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr uint32_t ones = 0xffffffff;
  CHECK(philox4x32({ones, ones, ones, ones}, {ones, ones}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform numbers lie from 0 to below 1 and differ by seed, position and index") {
  std::set<double> seen;
  double sum = 0;
  for (uint64_t seed = 0; seed < 10; seed++) {
    for (uint64_t position = 0; position < 10; position++) {
      for (uint32_t index = 0; index < 10; index++) {
        const double u = uniform_random(seed, position, index);
        CHECK(u >= 0);
        CHECK(u < 1);
        CHECK(uniform_random(seed, position, index) == u);
        seen.insert(u);
        sum += u;
      }
    }
  }
  CHECK(seen.size() == 1000);
  CHECK(sum / 1000 == Approx(0.5).margin(0.04));  // four standard deviations of the mean of 1,000
  // The 53 bits that the first known answer begins with: 0x6627e8d5e169c58d >> 11, over 2^53.
  CHECK(uniform_random(0, 0, 0) == static_cast<double>(0x6627e8d5e169c58dULL >> 11) / 9007199254740992.0);
}
