#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "foretell/sampling.h"

using namespace foretell;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

std::vector<TokenId> survivors(const SamplingOptions& options, const std::vector<float>& logits,
                               const std::vector<TokenId>& history = {}) {
  SamplerChain chain(options);
  std::vector<TokenId> ids;
  for (const Candidate& c : chain.apply(logits, history, 0).items()) ids.push_back(c.id);
  return ids;
}

std::string refusal(const SamplingOptions& options) {
  try {
    SamplerChain chain(options);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

using Ids = std::vector<TokenId>;

}  // namespace

TEST_CASE("draws follow the final probabilities") {
  // Probabilities 1/2, 1/4, 1/8, 1/16, 1/16 as logits of a base-2 exponential.
  const float ln2 = std::log(2.0F);
  const std::vector<float> logits = {-ln2, -2 * ln2, -3 * ln2, -4 * ln2, -4 * ln2};
  const double expected[] = {0.5, 0.25, 0.125, 0.0625, 0.0625};
  constexpr int draws = 20000;
  for (const uint64_t seed : {1U, 2U, 3U}) {
    SamplerChain chain({.seed = seed});
    std::map<TokenId, int> counts;
    Ids history;
    bool consistent = true;
    for (int i = 0; i < draws; i++) {
      const Draw draw = chain.sample(logits, history, 0);
      counts[draw.id]++;
      history.push_back(draw.id);
      consistent &= std::abs(draw.probability - expected[draw.id]) < 1e-6 && draw.from <= draw.random &&
                    draw.random < draw.to && std::abs(draw.to - draw.from - draw.probability) < 1e-12;
    }
    CHECK(consistent);
    double chi_square = 0;
    for (int id = 0; id < 5; id++) {
      const double mean = draws * expected[id];
      chi_square += (counts[id] - mean) * (counts[id] - mean) / mean;
    }
    CHECK(chi_square < 18.47);  // 4 degrees of freedom: exceeded by chance once in a thousand
  }
}

TEST_CASE("the seed alone decides what is drawn at a position") {
  const std::vector<float> logits(100, 0.0F);
  const Ids history = {3, 1, 4};
  SamplerChain a({.seed = 7}), b({.seed = 7}), c({.seed = 8});
  (void)b.sample(logits, Ids{3}, 0);  // what was drawn before does not matter
  CHECK(a.sample(logits, history, 1).id == b.sample(logits, history, 3).id);
  CHECK(a.sample(logits, history, 1).random != c.sample(logits, history, 1).random);
}

TEST_CASE("logits that are no numbers are errors") {
  SamplerChain chain({});
  CHECK_THROWS_WITH(chain.sample(std::vector<float>{0, std::nanf("")}, {}, 0),
                    Catch::Contains("token 1") && Catch::Contains("NaN"));
  CHECK_THROWS_WITH(chain.sample(std::vector<float>{inf, 0}, {}, 0), Catch::Contains("+infinity"));
  CHECK_THROWS_WITH(chain.sample(std::vector<float>{-inf, -inf}, {}, 0), Catch::Contains("no token can come next"));
  CHECK_THROWS_AS(chain.sample(std::vector<float>{}, {}, 0), Error);
  CHECK(chain.sample(std::vector<float>{-inf, 0, -inf}, {}, 0).id == 1);
}

TEST_CASE("tokens with a logit of -infinity are no candidates") {
  CHECK(survivors({}, {0, -inf, 1, -inf}) == Ids{0, 2});
  CHECK(survivors({.top_k = 3}, {0, -inf, 1, -inf}) == Ids{0, 2});
  // One that is found although lower ids are missing.
  SamplerChain chain({.repetition_penalty = 2});
  auto& candidates = chain.apply(std::vector<float>{-inf, -inf, 8, 6}, Ids{3, 0}, 0);
  REQUIRE(candidates.size() == 2);
  CHECK(candidates.items()[0].logit == 8);
  CHECK(candidates.items()[1].logit == 3);
}

TEST_CASE("temperature") {
  CHECK(survivors({.temperature = 0}, {1, 5, 5, 2}) == Ids{1});
  CHECK(survivors({.temperature = 1e-45}, {1, 5, 5, 2}) == Ids{1});
  CHECK(survivors({.temperature = 0}, {0, 0, 0}) == Ids{0});
  CHECK(survivors({.temperature = 0, .order = {"top-k"}}, {1, 5}) == Ids{1});  // greedy in any order
  SamplerChain hot({.temperature = 1e9});
  hot.apply(std::vector<float>{100, -100}, {}, 0);
  CHECK(hot.draw().probability == Approx(0.5));
}

TEST_CASE("top-k keeps the k best and those that tie with the last") {
  const std::vector<float> logits = {1, 4, 2, 4, 3};
  CHECK(survivors({.top_k = 1}, logits) == Ids{1, 3});
  CHECK(survivors({.top_k = 3}, logits) == Ids{1, 3, 4});
  CHECK(survivors({.top_k = 5}, logits).size() == 5);
  CHECK(survivors({.top_k = 1000}, logits).size() == 5);
  std::vector<float> many(3000);
  for (size_t i = 0; i < many.size(); i++) many[i] = static_cast<float>((i * 1237) % 3000);
  for (const int64_t k : {1, 40, 511, 512, 513, 2999})
    CHECK(survivors({.top_k = k}, many).size() == static_cast<size_t>(k));
}

TEST_CASE("top-p keeps the fewest that reach p") {
  const float ln2 = std::log(2.0F);
  const std::vector<float> logits = {-3 * ln2, -ln2, -3 * ln2, -2 * ln2};  // 1/8, 1/2, 1/8, 1/4
  CHECK(survivors({.top_p = 0}, logits) == Ids{1});
  CHECK(survivors({.top_p = 0.49}, logits) == Ids{1});
  CHECK(survivors({.top_p = 0.51}, logits) == Ids{1, 3});
  CHECK(survivors({.top_p = 0.76}, logits) == Ids{0, 1, 3});  // of equals the lower id
  CHECK(survivors({.top_p = 0.99}, logits) == Ids{0, 1, 2, 3});
  CHECK(survivors({.top_p = 1}, logits).size() == 4);
  CHECK(survivors({.top_p = 0.5}, {7}) == Ids{0});
  CHECK(survivors({.top_p = 0.3}, std::vector<float>(10, 0.0F)) == Ids{0, 1, 2});
  CHECK(survivors({.top_p = 0.9}, {0, -1e30F, -1e30F}) == Ids{0});
}

TEST_CASE("min-p compares with the best") {
  const float ln2 = std::log(2.0F);
  const std::vector<float> logits = {-3 * ln2, -ln2, -3 * ln2, -2 * ln2};
  CHECK(survivors({.min_p = 0.24}, logits) == Ids{0, 1, 2, 3});
  CHECK(survivors({.min_p = 0.26}, logits) == Ids{1, 3});
  CHECK(survivors({.min_p = 1}, logits) == Ids{1});
  CHECK(survivors({.min_p = 1}, {2, 2}) == Ids{0, 1});
}

TEST_CASE("the repetition penalty looks at its window") {
  const auto logits = [](const SamplingOptions& options) {
    SamplerChain chain(options);
    std::vector<float> out;
    for (const Candidate& c : chain.apply(std::vector<float>{4, -4, 2, 0}, Ids{0, 0, 1, 3, 99, -1}, 0).items())
      out.push_back(c.logit);
    return out;
  };
  CHECK(logits({.repetition_penalty = 2}) == std::vector<float>{2, -8, 2, 0});
  CHECK(logits({.repetition_penalty = 2, .penalty_last_n = 4}) == std::vector<float>{4, -8, 2, 0});
  CHECK(logits({.repetition_penalty = 2, .penalty_last_n = 0}) == std::vector<float>{4, -4, 2, 0});
  CHECK(logits({.repetition_penalty = 2, .penalty_last_n = 1000}) == std::vector<float>{2, -8, 2, 0});
  for (const float logit : logits({.repetition_penalty = 1e9})) CHECK(std::isfinite(logit));
}

TEST_CASE("n-grams, suppressed tokens, end tokens and biases") {
  const std::vector<float> flat(5, 0.0F);
  CHECK(survivors({.no_repeat_ngram = 2}, flat, {1, 2, 1, 3, 1}) == Ids{0, 1, 4});
  CHECK(survivors({.no_repeat_ngram = 3}, flat, {1, 2, 3, 1, 2}) == Ids{0, 1, 2, 4});
  CHECK(survivors({.no_repeat_ngram = 3}, flat, {1}).size() == 5);
  CHECK(survivors({.no_repeat_ngram = 1}, flat, {0, 1, 2, 3, 4}).size() == 5);  // not the last one too
  CHECK(survivors({.suppress = {4, 0, 17}}, flat) == Ids{1, 2, 3});
  CHECK(survivors({.suppress = {0, 1}}, {3, 2}) == Ids{0});
  SamplerChain least({.end_ids = {1}, .min_tokens = 2});
  CHECK(least.apply(flat, Ids{0, 0, 0}, 2).size() == 4);
  CHECK(least.apply(flat, Ids{0, 0, 0}, 1).size() == 5);
  CHECK(survivors({.logit_bias = {{{2}, -HUGE_VAL}}}, flat) == Ids{0, 1, 3, 4});
  SamplerChain biased({.logit_bias = {{{2}, 1.5}, {{2}, 1}, {{7, 3}, 4}, {{8, 3}, 9}}});
  auto& candidates = biased.apply(flat, Ids{7}, 0);
  CHECK(candidates.items()[2].logit == 2.5F);
  CHECK(candidates.items()[3].logit == 4);
}

TEST_CASE("stages are seen one by one, in the order asked for") {
  SamplerChain chain({.temperature = 0.5, .top_k = 3, .top_p = 0.5, .order = {"top-p", "top-k"}});
  std::vector<std::pair<std::string, size_t>> stages;
  chain.apply(std::vector<float>{0, 0, 0, 0, 1, -inf}, {}, 0,
              [&](std::string_view stage, const Candidates& c) { stages.emplace_back(stage, c.size()); });
  REQUIRE(stages.size() == 3);
  CHECK(stages[0] == std::pair<std::string, size_t>("logits", 5));
  CHECK(stages[1] == std::pair<std::string, size_t>("top-p", 2));
  CHECK(stages[2] == std::pair<std::string, size_t>("top-k", 2));
}

TEST_CASE("options out of their ranges and unknown samplers are errors that name them") {
  CHECK_THAT(refusal({.temperature = -1}), Catch::Contains("temp") && Catch::Contains("at least 0"));
  CHECK_THAT(refusal({.top_k = -1}), Catch::Contains("top-k"));
  CHECK_THAT(refusal({.top_p = 7}),
             Catch::Contains("top-p") && Catch::Contains("from 0 to 1") && Catch::Contains("found 7"));
  CHECK_THAT(refusal({.min_p = std::nan("")}), Catch::Contains("min-p"));
  CHECK_THAT(refusal({.repetition_penalty = 0}), Catch::Contains("above 0"));
  CHECK_THAT(refusal({.penalty_last_n = -2}), Catch::Contains("penalty-last-n"));
  CHECK_THAT(refusal({.order = {"top-q"}}), Catch::Contains("top-q") && Catch::Contains("top-p"));
  CHECK_THAT(refusal({.order = {"temp", "temp"}}), Catch::Contains("twice"));
  CHECK(refusal({.order = default_sampler_order()}).empty());
}

TEST_CASE("log_sum_exp") {
  CHECK(log_sum_exp(std::vector<float>{0, 0, 0, 0}) == Approx(std::log(4.0)).epsilon(1e-14));
  CHECK(log_sum_exp(std::vector<float>{1000, -inf}) == 1000);
  CHECK(log_sum_exp(std::vector<float>{-inf}) == -inf);
  std::vector<float> many(1000);
  double sum = 0;
  for (size_t i = 0; i < many.size(); i++)
    many[i] = static_cast<float>(i) / 50 - 10, sum += std::exp(static_cast<double>(many[i]));
  CHECK(log_sum_exp(many) == Approx(std::log(sum)).epsilon(1e-14));
}

TEST_CASE("an order leaves constraints in") {
  CHECK(survivors({.top_k = 1, .suppress = {1}, .order = {"temp"}}, {0, 5, 1}) == Ids{0, 2});
  CHECK(survivors({.top_k = 1, .suppress = {1}, .order = {"top-k"}}, {0, 5, 1}) == Ids{2});
  CHECK(survivors({.top_k = 1, .suppress = {1}, .order = {"top-k", "suppress"}}, {0, 5, 1}) == Ids{1});
}
