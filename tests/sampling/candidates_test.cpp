// Which candidates there are at first.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "error_of.h"
#include "foretell/sampling.h"

using namespace foretell;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("candidates: those that are allowed and finite, in order, however many they are") {
  uint64_t seed = 0;
  for (const size_t size : {1U, 63U, 64U, 65U, 1000U, 4096U, 4100U}) {
    for (const double share : {0.001, 0.05, 0.2, 0.7, 0.97, 1.0}) {
      for (const bool all_finite : {true, false}) {
        seed++;
        std::vector<float> logits(size);
        std::vector<uint64_t> allowed((size + 63) / 64 + seed % 2);
        if (share == 1.0) allowed.assign(allowed.size(), UINT64_MAX);
        std::vector<TokenId> expected;
        for (size_t i = 0; i < size; i++) {
          logits[i] = static_cast<float>(uniform_random(seed, i, 0));
          if (!all_finite && uniform_random(seed, i, 1) < 0.2) logits[i] = -infinity;
          if (i == 0 || uniform_random(seed, i, 2) < share)
            allowed[i / 64] |= uint64_t{1} << (i % 64);
          else if (!all_finite)
            logits[i] = NAN;  // of those that are not allowed nobody asks
        }
        logits[0] = 1;
        for (size_t i = 0; i < size; i++) {
          if ((allowed[i / 64] >> (i % 64) & 1) != 0 && logits[i] != -infinity)
            expected.push_back(static_cast<TokenId>(i));
        }
        Candidates candidates;
        candidates.assign(logits, allowed);
        REQUIRE(candidates.size() == expected.size());
        for (size_t i = 0; i < expected.size(); i++) {
          REQUIRE(candidates.id(i) == expected[i]);
          REQUIRE(candidates.logits()[i] == logits[static_cast<size_t>(expected[i])]);
        }
      }
    }
  }
}

TEST_CASE("candidates: an allowed logit that is no number is refused, and so is a mask of none") {
  std::vector<float> logits(200, 1.0F);
  logits[130] = NAN;
  std::vector<uint64_t> allowed(4, UINT64_MAX);
  Candidates candidates;
  CHECK(test::error_of([&] { candidates.assign(logits, allowed); }).find("token 130") != std::string::npos);
  allowed[2] &= ~(uint64_t{1} << 2);
  candidates.assign(logits, allowed);
  CHECK(candidates.size() == 199);
  CHECK(test::error_of([&] { candidates.assign(logits, std::vector<uint64_t>(4)); }).find("no token can come next") ==
        0);
}
