// How texts and endings are scored, against the reference's log-probabilities and against reading each window by
// itself.
#include "generate/scoring.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "base/json.h"
#include "error_of.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/arch";

std::vector<TokenId> some_text(size_t count) {
  std::vector<TokenId> ids;
  for (size_t i = 0; i < count; i++) ids.push_back(static_cast<TokenId>((i * i * 7 + i * 13 + 5) % 320));
  return ids;
}

// The log-probability of ids[index] when [begin, index) was read.
double plain_logprob(Model& model, const std::vector<TokenId>& ids, size_t begin, size_t index) {
  Sequence sequence(model, static_cast<int64_t>(ids.size()));
  const auto logits = model.next_logits(sequence, std::span(ids).subspan(begin, index - begin));
  return logits[static_cast<size_t>(ids[index])] - log_sum_exp(logits);
}

}  // namespace

TEST_CASE("a text's log-probabilities are the reference's") {
  for (const char* name : {"llama", "gpt2", "qwen3_next"}) {
    INFO(name);
    Model model = Model::load(golden / name);
    const Json file = read_json_file(golden / name / "golden.json");
    for (const Json& expected : file["cases"]) {
      const auto ids = expected["ids"].get<std::vector<TokenId>>();
      const auto reference = expected["token_logprobs"].get<std::vector<double>>();
      const ScoredText scored = score_text(model, ids, {});
      REQUIRE(scored.logprobs.size() == ids.size());
      CHECK(std::isnan(scored.logprobs[0]));
      CHECK(scored.ranks[0] == 0);
      CHECK(scored.scored == std::ssize(reference));
      CHECK(scored.windows == 1);
      double total = 0;
      for (size_t i = 0; i < reference.size(); i++) {
        CHECK(scored.logprobs[i + 1] == Approx(reference[i]).margin(2e-3));
        total += reference[i];
      }
      CHECK(scored.mean_nll() == Approx(-total / static_cast<double>(reference.size())).margin(2e-3));
    }
  }
}

TEST_CASE("windows over a long text score each token once, with what its window holds before it") {
  Model model = Model::load(golden / "llama");
  const auto ids = some_text(50);
  struct Case {
    int64_t window, stride;
  };
  for (const auto& [window, stride] : std::vector<Case>{{16, 4}, {16, 16}, {16, 0}, {7, 3}, {50, 8}, {49, 1}, {2, 1}}) {
    INFO(window << " " << stride);
    const ScoredText scored = score_text(model, ids, {.window = window, .stride = stride});
    const int64_t step = stride > 0 ? stride : window / 2;
    int64_t count = 0, windows = 0, reached = 0;
    for (int64_t begin = 0; reached < 50; begin += step, windows++) {
      const int64_t end = std::min<int64_t>(begin + window, 50);
      for (int64_t i = reached; i < end; i++) {
        const auto index = static_cast<size_t>(i);
        if (i == begin) {
          CHECK(std::isnan(scored.logprobs[index]));
          continue;
        }
        CHECK(scored.logprobs[index] == plain_logprob(model, ids, static_cast<size_t>(begin), index));
        count++;
      }
      reached = end;
    }
    CHECK(scored.scored == count);
    CHECK(scored.windows == windows);
  }
}

TEST_CASE("ranks and the least expected tokens") {
  Model model = Model::load(golden / "llama");
  const auto ids = some_text(40);
  const ScoredText scored = score_text(model, ids, {.surprises = 5, .alternatives = 3});
  Sequence sequence(model);
  std::vector<double> sorted;
  for (size_t i = 1; i < ids.size(); i++) {
    const auto logits = model.next_logits(sequence, std::span(ids).subspan(i - 1, 1));
    int64_t better = 0;
    for (const float logit : logits) better += logit > logits[static_cast<size_t>(ids[i])] ? 1 : 0;
    CHECK(scored.ranks[i] == better + 1);
    sorted.push_back(scored.logprobs[i]);
  }
  std::sort(sorted.begin(), sorted.end());
  REQUIRE(scored.surprises.size() == 5);
  for (const auto& surprise : scored.surprises) {
    CHECK(scored.logprobs[surprise.index] <= sorted[4]);
    REQUIRE(surprise.top.size() == 3);
    CHECK(surprise.top[0].logprob >= surprise.top[1].logprob);
    CHECK(surprise.top[2].logprob > scored.logprobs[surprise.index]);
  }
  CHECK(score_text(model, ids, {.surprises = 100}).surprises.size() < 40);
  CHECK(score_text(model, ids, {}).surprises.empty());
}

TEST_CASE("a text that is interrupted is scored up to there") {
  Model model = Model::load(golden / "llama");
  int asked = 0;
  const auto stop = [&] { return ++asked > 3; };
  const ScoredText scored = score_text(model, some_text(200), {.window = 16, .stride = 8, .interrupted = stop});
  CHECK(scored.windows < 5);
  CHECK(scored.scored < 100);
}

TEST_CASE("endings have the sum of their tokens' log-probabilities") {
  Model model = Model::load(golden / "llama");
  const auto ids = some_text(30);
  const std::span all(ids);
  EndingScorer scorer(model, 30);
  const auto expected = [&](size_t begin, size_t first, size_t end) {
    double sum = 0;
    for (size_t i = first; i < end; i++) sum += plain_logprob(model, ids, begin, i);
    return sum;
  };
  // What was read before makes no difference.
  for (const auto& [first, end] : std::vector<std::pair<size_t, size_t>>{{20, 30}, {20, 24}, {5, 6}, {1, 30}, {20, 30}})
    CHECK(scorer.logprob(all.first(first), all.subspan(first, end - first)) == Approx(expected(0, first, end)));
  EndingScorer small(model, 12);
  CHECK(small.logprob(all.first(20), all.subspan(20, 4)) == Approx(expected(12, 20, 24)));
  CHECK(small.logprob(all.first(20), all.subspan(20, 0)) == 0);
}
