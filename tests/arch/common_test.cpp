#include "arch/common.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace foretell;

namespace {

Rotary rotary(const Json& config, const RotaryDefaults& defaults = {}) {
  return read_rotary(ConfigReader(config, "config.json"), 8, 256, defaults);
}

}  // namespace

TEST_CASE("rotary keys in both spellings") {
  const auto check = [](const Json& config) {
    const Rotary read = rotary(config, {.partial = 1});
    CHECK(read.theta == 500);
    CHECK(read.dims == 4);
    CHECK(std::get<LinearScaling>(read.scaling).factor == 2);
  };
  check({{"rope_theta", 500}, {"partial_rotary_factor", 0.5}, {"rope_scaling", {{"type", "linear"}, {"factor", 2}}}});
  check({{"rope_parameters",
          {{"rope_theta", 500}, {"partial_rotary_factor", 0.5}, {"rope_type", "linear"}, {"factor", 2}}}});
  const Json nested = {
      {"rope_theta", 7},
      {"rope_parameters", {{"full_attention", {{"rope_theta", 500}}}, {"sliding_attention", {{"factor", 2}}}}}};
  CHECK(rotary(nested, {.layer_type = "full_attention"}).theta == 500);
  CHECK(rotary(nested, {.layer_type = "sliding_attention"}).theta == 7);
  // A family whose heads turn whole does not know of the key.
  CHECK(rotary({{"partial_rotary_factor", 0.5}}).dims == 8);
  // Of 3 dimensions the last one gets a partner.
  const Rotary odd = rotary({{"partial_rotary_factor", 0.4}}, {.partial = 1});
  CHECK(odd.dims == 4);
  CHECK(odd.odd_dims == 3);
  CHECK_THROWS_WITH(rotary({{"partial_rotary_factor", 0.2}}, {.partial = 1}), Catch::Contains("found 1"));
}

TEST_CASE("LongRoPE and proportional rotary scaling") {
  Json config = {{"rope_scaling", {{"type", "su"}, {"short_factor", {1, 1, 2, 2}}, {"long_factor", {3, 3, 4, 4}}}},
                 {"original_max_position_embeddings", 64}};
  const auto read = std::get<LongScaling>(rotary(config).scaling);
  CHECK(read.original_context == 64);
  CHECK(read.long_factors == std::vector<double>{3, 3, 4, 4});
  CHECK(read.attention_factor == Approx(std::sqrt(1 + std::log(4) / std::log(64))));
  config["rope_scaling"]["short_factor"] = {1, 1};
  CHECK_THROWS_WITH(rotary(config), Catch::Contains("rope_scaling.short_factor"));

  const Rotary part = rotary({{"rope_parameters", {{"rope_type", "proportional"}, {"partial_rotary_factor", 0.25}}}});
  CHECK(part.dims == 8);
  CHECK(std::get<ProportionalScaling>(part.scaling).turning_pairs == 1);
}

TEST_CASE("ALiBi's slopes") {
  CHECK(alibi_slopes(4) == std::vector<float>{0x1p-2f, 0x1p-4f, 0x1p-6f, 0x1p-8f});
  CHECK(alibi_slopes(2, 4) == std::vector<float>{0x1p-2f, 0x1p-4f});
  CHECK(alibi_slopes(6) == std::vector<float>{0x1p-2f, 0x1p-4f, 0x1p-6f, 0x1p-8f, 0x1p-1f, 0x1p-3f});
}
