// Beam search finds what transformers finds.
#include "foretell/beam_search.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "error_of.h"

using namespace foretell;
using foretell::test::error_of;
using Ids = std::vector<TokenId>;
using Json = nlohmann::json;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden";

EarlyStopping early_stopping(const Json& value) {
  if (value.is_string()) return EarlyStopping::Never;
  return value.get<bool>() ? EarlyStopping::Yes : EarlyStopping::No;
}

std::vector<BeamText> search(Model& model, const Json& c) {
  GenerateOptions options{.max_tokens = c["max_tokens"]};
  options.sampling.end_ids = c["end_ids"].get<Ids>();
  options.sampling.repetition_penalty = c.value("repetition_penalty", 1.0);
  options.sampling.no_repeat_ngram = c.value("no_repeat_ngram", 0);
  options.sampling.min_tokens = c.value("min_tokens", 0);
  options.sampling.temperature = 0.3;  // samplers that draw change nothing
  options.sampling.top_k = 1;
  const BeamOptions beams{.beams = c["beams"],
                          .groups = c.value("groups", 1),
                          .diversity_penalty = c.value("diversity_penalty", 0.0),
                          .num = c["num"],
                          .length_penalty = c.value("length_penalty", 1.0),
                          .early_stopping = early_stopping(c.value("early_stopping", Json(false)))};
  Sequence sequence(model);
  return beam_search(model, nullptr, sequence, c["prompt"].get<Ids>(), options, beams);
}

struct Found {
  std::vector<Ids> ids;
  std::vector<double> scores;
  bool operator==(const Found&) const = default;
};

Found found(const std::vector<BeamText>& texts) {
  Found found;
  for (const BeamText& text : texts) {
    found.ids.push_back(text.generation.ids);
    found.scores.push_back(text.score);
  }
  return found;
}

Json cases(const char* file) { return Json::parse(std::ifstream(golden / "beam_search" / file)); }

void check_cases(const char* file) {
  std::map<std::string, Model> models;
  for (const Json& c : cases(file)) {
    const auto name = c["model"].get<std::string>();
    if (!models.contains(name)) models.emplace(name, Model::load(golden / "arch" / name, {.threads = 2}));
    const Found result = found(search(models.at(name), c));
    INFO(c.dump());
    CHECK(result.ids == c["ids"].get<std::vector<Ids>>());
    REQUIRE(result.scores.size() == c["scores"].size());
    for (size_t i = 0; i < result.scores.size(); i++)
      CHECK(result.scores[i] == Approx(c["scores"][i].get<double>()).epsilon(2e-4));
  }
}

}  // namespace

TEST_CASE("beam search: the texts and scores are those of transformers") { check_cases("expected.json"); }

TEST_CASE("beam search: groups that shun each other's tokens, as in transformers") { check_cases("groups.json"); }

TEST_CASE("beam search: the same bits with each instruction set and number of threads") {
  const Json all = cases("expected.json");
  Model plain = Model::load(golden / "arch/llama", {.threads = 1, .isa = "portable"});
  Model best = Model::load(golden / "arch/llama", {.threads = 3});
  for (const size_t i : {size_t{3}, size_t{6}}) CHECK(found(search(plain, all[i])) == found(search(best, all[i])));
}

TEST_CASE("beam search: a single beam is greedy search") {
  Model model = Model::load(golden / "arch/gpt2", {.threads = 2});
  const Ids prompt = {5, 77, 200, 13};
  GenerateOptions options{.max_tokens = 20, .ignore_end = true};
  options.sampling.temperature = 0;
  Sequence alone(model), searched(model);
  const Ids greedy = generate(model, nullptr, alone, prompt, options).ids;
  const auto texts = beam_search(model, nullptr, searched, prompt, options, {.beams = 1});
  REQUIRE(texts.size() == 1);
  CHECK(texts[0].generation.ids == greedy);
  CHECK(texts[0].generation.finish_reason == FinishReason::Length);
}

TEST_CASE("beam search: ends by the context, an interruption and a limit of 0") {
  Model model = Model::load(golden / "arch/gpt2", {.threads = 2});
  const Ids prompt = {5, 77, 200, 13};
  const auto reason = [&](GenerateOptions options, int64_t capacity, size_t ids) {
    Sequence sequence(model, capacity);
    options.ignore_end = true;
    const auto texts = beam_search(model, nullptr, sequence, prompt, options, {.beams = 3, .num = 3});
    REQUIRE_FALSE(texts.empty());
    CHECK(texts[0].generation.ids.size() == ids);
    return texts[0].generation.finish_reason;
  };
  CHECK(reason({.max_tokens = 100}, 10, 6) == FinishReason::Context);
  CHECK(reason({.max_tokens = 100}, 4, 0) == FinishReason::Context);
  CHECK(reason({.max_tokens = 0}, 10, 0) == FinishReason::Length);
  int asked = 0;
  CHECK(reason({.max_tokens = 100, .interrupted = [&] { return ++asked > 5; }}, 0, 6) == FinishReason::Interrupted);
}

TEST_CASE("beam search: a forced last token is the last that the limit allows") {
  Model model = Model::load(golden / "arch/gpt2", {.threads = 2});
  GenerateOptions options{.max_tokens = 6, .ignore_end = true};
  options.sampling.forced_last = {7};
  Sequence sequence(model);
  const auto texts = beam_search(model, nullptr, sequence, Ids{5, 77, 200, 13}, options, {.beams = 3, .num = 3});
  REQUIRE_FALSE(texts.empty());
  for (const BeamText& text : texts) {
    REQUIRE(text.generation.ids.size() == 6);
    CHECK(text.generation.ids.back() == 7);
  }
}

TEST_CASE("beam search: options that cannot be") {
  Model model = Model::load(golden / "arch/gpt2", {.threads = 2});
  const auto error = [&](const BeamOptions& beams, const Ids& prompt = {5}) {
    return error_of([&] {
      Sequence sequence(model);
      beam_search(model, nullptr, sequence, prompt, {}, beams);
    });
  };
  CHECK(error({.beams = 0}) == "a beam search cannot be made so (where: beams; expected at least 1, found 0)");
  CHECK(error({.beams = 2, .num = 3}) ==
        "a beam search cannot be made so (where: num; expected 1 to 2, the number of beams, found 3)");
  CHECK(error({.beams = 4, .groups = 3}) ==
        "a beam search cannot be made so (where: groups; expected a divisor of 4, the number of beams, found 3)");
  CHECK_FALSE(error({.diversity_penalty = -1}).empty());
  CHECK_FALSE(error({.length_penalty = std::numeric_limits<double>::infinity()}).empty());
  CHECK_FALSE(error({}, {}).empty());
}
