// Classifier-free guidance against its formula, with the same model read twice by hand.
#include "generate/guided_predictor.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "foretell/error.h"
#include "foretell/sampling.h"

using namespace foretell;
using Ids = std::vector<TokenId>;

namespace {

std::vector<float> logits_of(Model& model, const Ids& ids) {
  Sequence sequence(model, 64);
  const auto logits = model.next_logits(sequence, ids);
  return {logits.begin(), logits.end()};
}

Ids joined(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("guidance leads away from what a negative prompt predicts") {
  Model model = Model::load(std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/llama", {.threads = 1});
  const Ids prompt = {3, 1, 4, 1, 5}, negative = {2, 7}, text = {9, 2, 6};
  Sequence own(model, 64), other(model, 64);
  GuidedPredictor guided(model, own, other, negative, prompt.size(), 1.5);
  const auto check = [&](std::span<const float> found, const Ids& after) {
    const auto p = logits_of(model, joined(prompt, after)), q = logits_of(model, joined(negative, after));
    const double p_total = log_sum_exp(p), q_total = log_sum_exp(q);
    REQUIRE(found.size() == p.size());
    for (size_t i = 0; i < p.size(); i++) {
      const double log_p = p[i] - p_total, log_q = q[i] - q_total;
      CHECK(found[i] == Approx(1.5 * (log_p - log_q) + log_q).margin(1e-5));
    }
  };
  check(guided.read(prompt, {}), {});
  check(guided.read(std::span(text).first(1), {}), {9});
  check(guided.read(std::span(text).subspan(1), {}), text);
  // Back, into the text and to before the prompt's end.
  guided.truncate(static_cast<int64_t>(prompt.size()) + 1);
  check(guided.read(std::span(text).subspan(1), {}), text);
  guided.truncate(static_cast<int64_t>(prompt.size()) - 1);
  check(guided.read(std::span(prompt).last(1), {}), {});
  CHECK(guided.length() == static_cast<int64_t>(prompt.size()));
}

TEST_CASE("guidance takes a negative prompt that fits") {
  Model model = Model::load(std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/llama", {.threads = 1});
  Sequence own(model, 8), other(model, 8);
  CHECK_THROWS_AS(GuidedPredictor(model, own, other, {}, 3, 2), Error);
  CHECK_THROWS_AS(GuidedPredictor(model, own, other, Ids(9, 1), 3, 2), Error);
  const GuidedPredictor guided(model, own, other, {1, 2, 3, 4}, 2, 2);
  CHECK(guided.capacity() == 6);  // the other text is two tokens longer
}
