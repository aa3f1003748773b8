// Samplers that transformers lacks, against their formulas worked by hand.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "foretell/sampling.h"
#include "sampling/selection.h"
#include "sampling/softmax.h"

using namespace foretell;
using Ids = std::vector<TokenId>;

namespace {

const float ln2 = std::log(2.0F);
const std::vector<float> halves = {-3 * ln2, -ln2, -3 * ln2, -2 * ln2};  // 1/8, 1/2, 1/8, 1/4

std::vector<Candidate> after(const SamplingOptions& options, const std::vector<float>& logits,
                             const Ids& history = {}) {
  SamplerChain chain(options);
  const auto items = chain.apply(logits, history, 0).items();
  return {items.begin(), items.end()};
}

Ids ids_after(const SamplingOptions& options, const std::vector<float>& logits, const Ids& history = {}) {
  Ids ids;
  for (const Candidate& c : after(options, logits, history)) ids.push_back(c.id);
  return ids;
}

std::vector<double> logits_after(const SamplingOptions& options, const std::vector<float>& logits,
                                 const Ids& history = {}) {
  std::vector<double> out;
  for (const Candidate& c : after(options, logits, history)) out.push_back(c.logit);
  return out;
}

}  // namespace

TEST_CASE("presence and frequency penalties") {
  const Ids history = {0, 1, 1, 1, 77};
  CHECK(logits_after({.presence_penalty = 0.5}, {1, 1, 1}, history) == std::vector<double>{0.5, 0.5, 1});
  CHECK(logits_after({.frequency_penalty = 0.5}, {1, 1, 1}, history) == std::vector<double>{0.5, -0.5, 1});
  CHECK(logits_after({.presence_penalty = 1, .frequency_penalty = 0.25, .penalty_last_n = 3}, {1, 1, 1}, history) ==
        std::vector<double>{1, -0.5, 1});
}

TEST_CASE("top-n-sigma counts standard deviations from the best") {
  // Mean 3, standard deviation sqrt((4 + 1 + 0 + 1 + 4) / 5) = 1.414.
  const std::vector<float> logits = {1, 2, 3, 4, 5};
  CHECK(ids_after({.top_n_sigma = 0.7}, logits) == Ids{4});
  CHECK(ids_after({.top_n_sigma = 0.71}, logits) == Ids{3, 4});
  CHECK(ids_after({.top_n_sigma = 1.42}, logits) == Ids{2, 3, 4});
  CHECK(ids_after({.top_n_sigma = 1}, {2, 2, 2}) == Ids{0, 1, 2});
  CHECK(ids_after({.temperature = 3, .top_n_sigma = 0.71}, logits) == Ids{3, 4});
}

TEST_CASE("XTC removes all top choices but the least probable") {
  CHECK(ids_after({.xtc_probability = 1, .xtc_threshold = 0.2}, halves) == Ids{0, 2, 3});
  CHECK(ids_after({.xtc_probability = 1, .xtc_threshold = 0.1}, halves) == Ids{2});  // of equals the highest id
  CHECK(ids_after({.xtc_probability = 1, .xtc_threshold = 0.3}, halves).size() == 4);
  CHECK(ids_after({.xtc_probability = 1, .xtc_threshold = 0.51}, halves).size() == 4);
  int removed = 0;
  for (uint64_t seed = 0; seed < 1000; seed++) {
    removed += ids_after({.xtc_probability = 0.3, .xtc_threshold = 0.2, .seed = seed}, halves).size() == 3;
  }
  CHECK(std::abs(removed - 300) < 58);  // four standard deviations of 1,000 tries
}

TEST_CASE("dynamic temperature follows the entropy") {
  // Entropy 1.75 bits of 2: T = 0.5 + 1 * (1.75 / 2)^2 = 1.265625.
  const auto logits = logits_after({.dynatemp_range = 0.5, .dynatemp_exponent = 2}, halves);
  CHECK(logits[1] == Approx(-ln2 / 1.265625).epsilon(1e-5));
  CHECK(logits_after({.temperature = 1, .dynatemp_range = 0.5}, {0, 0})[0] == 0);
  // The lower end is 0 and the entropy nearly so: the best one alone.
  CHECK(ids_after({.temperature = 0.5, .dynatemp_range = 2}, {800, 0}) == Ids{0});
  CHECK(ids_after({.temperature = 0, .dynatemp_range = 2}, {1, 2}) == Ids{1});
}

TEST_CASE("adaptive-p prefers probabilities near a target that moves") {
  // Probabilities 1/8, 1/2, 1/8, 1/4. At first the average is the target itself, so the aim is 0.25.
  SamplerChain chain({.adaptive_target = 0.25, .adaptive_decay = 0.5, .seed = 1});
  const auto logit = [](double probability, double aim) {
    const double d = std::abs(probability - aim) / 0.3;
    return 5 - 10 * d * d / (1 + d);
  };
  const auto check = [&](Candidates& candidates, double aim) {
    const double expected[] = {0.125, 0.5, 0.125, 0.25};
    REQUIRE(candidates.size() == 4);
    for (size_t i = 0; i < 4; i++) CHECK(candidates.logits()[i] == Approx(logit(expected[i], aim)).epsilon(1e-5));
  };
  check(chain.apply(halves, {}, 0), 0.25);
  const Draw draw = chain.draw();
  const double drawn = std::vector<double>{0.125, 0.5, 0.125, 0.25}[static_cast<size_t>(draw.id)];
  // Sums of 0.25 / (1 - 0.5) and 1 / (1 - 0.5), forgotten by half.
  const double average = (drawn + 0.5 * 0.5) / (1 + 0.5 * 2);
  const Ids history = {draw.id};
  check(chain.apply(halves, history, 0), std::clamp(2 * 0.25 - average, 0.0, 1.0));
  CHECK(ids_after({.adaptive_target = 0.9}, {1}) == Ids{0});
}

TEST_CASE("Mirostat 2 cuts at its limit and learns from the surprise") {
  SamplerChain chain({.mirostat = 2, .mirostat_tau = 1.25, .mirostat_eta = 0.5, .seed = 1});
  // At first mu is 2.5 bits: 1/8 (3 bits) is out.
  CHECK(chain.apply(halves, {}, 0).size() == 2);
  const Draw draw = chain.draw();
  CHECK((draw.id == 1 || draw.id == 3));
  const double surprise = draw.id == 1 ? std::log2(1.5) : std::log2(3.0);
  CHECK(draw.probability == Approx(std::exp2(-surprise)).epsilon(1e-6));
  const double mu = 2.5 - 0.5 * (surprise - 1.25);
  Ids expected;
  for (TokenId id = 0; id < 4; id++) {
    if (-halves[static_cast<size_t>(id)] / ln2 <= mu) expected.push_back(id);
  }
  Ids found;
  for (const Candidate& c : chain.apply(halves, {}, 0).items()) found.push_back(c.id);
  CHECK(found == expected);
  // However low the limit, the best one stays.
  CHECK(ids_after({.mirostat = 2, .mirostat_tau = 0.01}, halves) == Ids{1});
}

TEST_CASE("Mirostat 1 fits Zipf's law") {
  // p_i ~ i^-2, for which the fit is exact: s = 2, epsilon = 1, k = (1 * 2^mu / (1 - 1/N))^(1/2).
  std::vector<float> logits(50);
  for (size_t i = 0; i < logits.size(); i++) logits[i] = -2 * std::log(static_cast<float>(i + 1));
  for (const double tau : {1.0, 2.0, 3.5}) {
    const double k = std::sqrt(std::exp2(2 * tau) / (1 - 1.0 / 50));
    CHECK(ids_after({.mirostat = 1, .mirostat_tau = tau}, logits).size() == static_cast<size_t>(k));
  }
  CHECK(ids_after({.mirostat = 1, .mirostat_tau = 0}, logits) == Ids{0});
  CHECK(ids_after({.mirostat = 1}, std::vector<float>(50, 1.0F)).size() == 50);
}

TEST_CASE("Mirostat takes the place of the cuts, unless an order is given") {
  CHECK(ids_after({.top_k = 1, .mirostat = 2, .mirostat_tau = 1.25}, halves).size() == 2);
  CHECK(ids_after({.top_k = 1, .mirostat = 2, .mirostat_tau = 1.25, .order = {"top-k", "mirostat"}}, halves).size() ==
        1);
}

TEST_CASE("DRY penalizes what would repeat a run") {
  const std::vector<float> flat(6, 0.0F);
  const SamplingOptions options = {.dry_multiplier = 0.5, .dry_base = 2, .dry_allowed_length = 2};
  // The text ends with 1 2 3, which was followed by 4 before; 2 3 was followed by 5 once.
  CHECK(logits_after(options, flat, {1, 2, 3, 4, 2, 3, 5, 1, 2, 3}) == std::vector<double>{0, 0, 0, 0, -1, -0.5});
  CHECK(logits_after(options, flat, {3, 4, 3}) == std::vector<double>(6, 0));  // a run of one is allowed
  SamplingOptions broken = options;
  broken.dry_breakers = {2};
  CHECK(logits_after(broken, flat, {1, 2, 3, 4, 1, 2, 3}) == std::vector<double>(6, 0));
  broken.dry_breakers = {1};
  CHECK(logits_after(broken, flat, {1, 2, 3, 4, 1, 2, 3}) == std::vector<double>{0, 0, 0, 0, -0.5, 0});
  broken.dry_breakers = {4};
  CHECK(logits_after(broken, flat, {1, 2, 3, 4, 1, 2, 3}) == std::vector<double>(6, 0));
  SamplingOptions window = options;
  window.dry_penalty_last_n = 5;
  CHECK(logits_after(window, flat, {2, 3, 4, 0, 1, 2, 3}) == std::vector<double>(6, 0));
  CHECK(logits_after(options, flat, {}) == std::vector<double>(6, 0));
  // A run that overlaps itself, and a penalty beyond all numbers.
  for (const double logit : logits_after(options, flat, Ids(5000, 1))) CHECK(std::isfinite(logit));
}

TEST_CASE("the exponentials of the softmax are exact to the last bits") {
  constexpr float best = 2.5F;
  std::vector<float> logits;
  for (int i = 0; i < 20001; i++) logits.push_back(best - static_cast<float>(i) * 0.0354F);
  for (const float low : {-708.5F, -1e30F, -HUGE_VALF}) logits.push_back(best + low);
  for (const size_t count : {logits.size(), size_t{1}, size_t{7}, size_t{255}, size_t{258}}) {
    std::vector<double> values(count);
    const double sum = exponentials(std::span(logits).first(count), best, values.data());
    double worst = 0, lanes[4] = {};
    for (size_t i = 0; i < count; i++) {
      const double x = static_cast<double>(logits[i]) - best;
      if (x < -708) CHECK(values[i] == 0);
      if (x >= -708) worst = std::max(worst, std::abs(values[i] / std::exp(x) - 1));
      lanes[i % 4] += values[i];
    }
    CHECK(worst < 5e-16);
    CHECK(values[0] == 1);
    CHECK(sum == (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]));
  }
}

TEST_CASE("the passes over all logits, for any number of them") {
  std::vector<float> x;
  uint32_t random = 7;
  for (int i = 0; i < 300; i++) {
    random = random * 1664525 + 1013904223;
    x.push_back(static_cast<float>(random >> 16) / 700 - 50);
    const auto largest_one = *std::max_element(x.begin(), x.end());
    CHECK(largest(x) == largest_one);
    CHECK(largest_magnitude(x) == std::max(largest_one, -*std::min_element(x.begin(), x.end())));
    std::vector<float> copy(x.size());
    CHECK(copy_finite(x.data(), x.size(), copy.data()));
    CHECK(copy == x);
    std::vector<float> bad = x;
    bad[static_cast<size_t>(i) / 2] = i % 2 != 0 ? NAN : -HUGE_VALF;
    CHECK_FALSE(copy_finite(bad.data(), bad.size(), copy.data()));
    copy = x;
    divide(copy, 3);
    for (size_t j = 0; j < x.size(); j++) CHECK(copy[j] == x[j] / 3);
    std::vector<size_t> found, expected;
    for (size_t j = 0; j < x.size(); j++)
      if (x[j] >= 30) expected.push_back(j);
    Candidates::visit_at_least(x, 30, [&](size_t j) { found.push_back(j); });
    CHECK(found == expected);
    std::vector<float> scratch, sorted = x;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    for (const size_t k : {size_t{1}, x.size() / 2 + 1, x.size()})
      CHECK(kth_largest_logit(x, k, scratch) == sorted[k - 1]);
    CHECK(most_probable(x, 1)[0] == std::max_element(x.begin(), x.end()) - x.begin());
  }
  CHECK(largest({}) == -HUGE_VALF);
}
