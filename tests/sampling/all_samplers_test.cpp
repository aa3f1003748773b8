// What holds for each sampler: one candidate at least survives, and draws follow what it leaves.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "foretell/sampling.h"
#include "sampling/samplers.h"

using namespace foretell;
using Ids = std::vector<TokenId>;

namespace {

const Ids prompt = {3, 1, 4, 1, 5};
const Ids history = {3, 1, 4, 1, 5, 9, 2, 3, 1};
const std::vector<float> logits = {0.5F, 1, -0.5F, 2, 1.5F, 0, -1, 0.25F, 1.75F, -2};

// Each sampler with settings that change these logits after this text.
std::vector<SamplingOptions> each_sampler() {
  return {
      {.logit_bias = {{{1, 4}, 1.5}, {{3}, -HUGE_VAL}}},
      {.encoder_repetition_penalty = 1.5},
      {.repetition_penalty = 1.5},
      {.presence_penalty = 0.5},
      {.frequency_penalty = 0.5},
      {.no_repeat_ngram = 2},
      {.encoder_no_repeat_ngram = 2},
      {.dry_multiplier = 0.8},
      {.end_ids = {3, 8}, .min_tokens = 100},
      {.end_ids = {3, 8}, .min_length = 100},
      {.forced_last = {6, 2}, .max_tokens = 5},
      {.end_ids = {3, 8}, .length_decay_factor = 1.1, .length_decay_start = 2},
      {.suppress = {3, 4}},
      {.temperature = 0.6},
      {.dynatemp_range = 0.5},
      {.top_n_sigma = 1.2},
      {.top_h = 0.6},
      {.top_k = 4},
      {.top_p = 0.7},
      {.min_p = 0.2},
      {.typical_p = 0.6},
      {.epsilon_cutoff = 0.07},
      {.eta_cutoff = 0.3},
      {.xtc_probability = 0.5, .xtc_threshold = 0.12},
      {.mirostat = 1, .mirostat_tau = 1},
      {.mirostat = 2, .mirostat_tau = 1.5},
      {.adaptive_target = 0.3},
      {.watermark_bias = 1.5},
      {.temperature = 0.8, .top_k = 8, .top_p = 0.9, .repetition_penalty = 1.2},
  };
}

// These act at the beginning.
std::vector<SamplingOptions> each_beginning() {
  return {{.begin_suppress = {3, 4}}, {.forced_first = ForcedToken{.id = 6}}};
}

// The value that a chi-square of so many degrees of freedom exceeds once in 10,000 times (Wilson and Hilferty, 1931).
double chi_square_limit(double degrees) {
  constexpr double z = 3.719;
  const double part = 2 / (9 * degrees);
  return degrees * std::pow(1 - part + z * std::sqrt(part), 3);
}

void check_draws(SamplingOptions options, const Ids& text) {
  constexpr int draws = 20000;
  std::vector<double> expected(logits.size());
  std::vector<int> counts(logits.size());
  for (options.seed = 0; *options.seed < draws; ++*options.seed) {
    SamplerChain chain(options);  // each draw with a fresh memory and another seed
    Candidates& left = chain.apply(logits, text, prompt.size());
    const Candidates::Weights weights = left.weights();
    for (size_t i = 0; i < left.size(); i++) expected[static_cast<size_t>(left.id(i))] += weights.probability(i);
    counts[static_cast<size_t>(chain.draw().id)]++;
  }
  double chi_square = 0, degrees = -1;
  for (size_t id = 0; id < logits.size(); id++) {
    if (expected[id] == 0) CHECK(counts[id] == 0);
    if (expected[id] < 5) continue;  // too few for the approximation
    chi_square += (counts[id] - expected[id]) * (counts[id] - expected[id]) / expected[id];
    degrees++;
  }
  if (degrees > 0) CHECK(chi_square < chi_square_limit(degrees));
  if (degrees == 0) CHECK(*std::max_element(counts.begin(), counts.end()) == draws);
}

}  // namespace

TEST_CASE("draws follow the final probabilities of each sampler") {
  for (const SamplingOptions& options : each_sampler()) check_draws(options, history);
  for (const SamplingOptions& options : each_beginning()) check_draws(options, prompt);
}

TEST_CASE("each sampler is among those that are tested") {
  std::vector<std::string> tested;
  for (const auto& list : {each_sampler(), each_beginning()}) {
    for (const SamplingOptions& options : list) {
      const SamplerChain chain(options);
      for (const auto& sampler : chain.samplers()) tested.emplace_back(sampler->name());
    }
  }
  for (const SamplerKind& kind : sampler_kinds()) {
    CAPTURE(kind.name);
    CHECK(std::find(tested.begin(), tested.end(), kind.name) != tested.end());
  }
}

TEST_CASE("one candidate at least survives every sampler") {
  std::vector<SamplingOptions> cases = each_sampler();
  for (const SamplingOptions& options : each_beginning()) cases.push_back(options);
  // Settings that would leave nothing.
  Ids everything(10);
  for (size_t i = 0; i < everything.size(); i++) everything[i] = static_cast<TokenId>(i);
  for (const SamplingOptions& options : std::vector<SamplingOptions>{{.suppress = everything},
                                                                     {.begin_suppress = everything},
                                                                     {.end_ids = everything, .min_tokens = 100},
                                                                     {.temperature = 0},
                                                                     {.top_p = 0},
                                                                     {.min_p = 1},
                                                                     {.typical_p = 0},
                                                                     {.epsilon_cutoff = 1},
                                                                     {.eta_cutoff = 1},
                                                                     {.top_n_sigma = 1e-9},
                                                                     {.top_h = 1e-9},
                                                                     {.mirostat = 2, .mirostat_tau = 0},
                                                                     {.xtc_probability = 1, .xtc_threshold = 0},
                                                                     {.no_repeat_ngram = 1},
                                                                     {.repetition_penalty = 1e9},
                                                                     {.adaptive_target = 1}})
    cases.push_back(options);
  std::mt19937 random(11);
  for (const SamplingOptions& options : cases) {
    SamplerChain chain(options);
    for (int round = 0; round < 200; round++) {
      const float scale = std::pow(10.0F, static_cast<float>(random() % 40));
      std::vector<float> x(1 + random() % 10);
      for (float& logit : x) {
        const auto kind = random() % 8;
        const float value = static_cast<float>(random() % 2001) / 1000 - 1;
        logit = kind == 0 ? -HUGE_VALF : kind == 1 ? 0 : std::clamp(value * scale, -3e38F, 3e38F);
      }
      x[random() % x.size()] = static_cast<float>(random() % 3);  // one is finite
      Ids text(random() % 12);
      for (TokenId& id : text) id = static_cast<TokenId>(random() % 12);
      const Candidates& left = chain.apply(x, text, text.empty() ? 0 : random() % (text.size() + 1));
      bool good = left.size() >= 1 && left.size() <= x.size();
      for (size_t i = 0; i < left.size(); i++)
        good &= std::isfinite(left[i].logit) && (i == 0 || left.id(i - 1) < left.id(i)) &&
                std::isfinite(x[static_cast<size_t>(left.id(i))]);
      const Draw draw = chain.draw();
      good &= left.find(draw.id).has_value() && draw.probability > 0;
      CAPTURE(round, options.order);
      REQUIRE(good);
    }
  }
}
