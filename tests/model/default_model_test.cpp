// The default model in the repository against the reference: transformers in float32 with the same weights
// (tests/golden/smollm2.json; the perplexity is that of the beginning of tests/golden/text.txt).
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/run.h"
#include "foretell/model.h"
#include "foretell/sampling.h"
#include "foretell/tokenizer.h"
#include "model/logits.h"

using namespace foretell;
using test::best;

namespace {

const std::filesystem::path root = FORETELL_SOURCE_DIR;
const std::filesystem::path folder = root / "models/smollm2-135m-instruct";

const Json& reference() {
  static const Json json = read_json_file(root / "tests/golden/smollm2.json");
  return json;
}

struct Difference {
  double mean = 0, most = 0;
};

// Of the log-probabilities of each prompt's 20 likeliest tokens.
Difference top20_difference(Model& model) {
  Difference difference;
  int count = 0;
  for (const Json& prompt : reference()["prompts"]) {
    Sequence sequence(model);
    const auto logits = model.next_logits(sequence, prompt["ids"].get<std::vector<TokenId>>());
    const double all = log_sum_exp(logits);
    for (const Json& token : prompt["top"]) {
      const double found = logits[token["id"].get<size_t>()] - all;
      const double error = std::abs(found - token["logprob"].get<double>());
      difference.mean += error;
      difference.most = std::max(difference.most, error);
      count++;
    }
  }
  REQUIRE(count == 120);
  difference.mean /= count;
  return difference;
}

double perplexity(Model& model) {
  const Json& expected = reference()["perplexity"];
  const auto count = expected["tokens"].get<size_t>();
  auto ids = Tokenizer::load(folder).encode(test::read_file(root / "tests/golden/text.txt"), {.add_special = false});
  REQUIRE(ids.size() >= count);
  ids.resize(count);
  const auto first = expected["first_ids"].get<std::vector<TokenId>>();
  REQUIRE(std::equal(first.begin(), first.end(), ids.begin()));
  Sequence sequence(model);
  double sum = 0;
  const Span span{.sequence = &sequence, .tokens = ids, .logits = Span::Logits::All};
  model.step({&span, 1}, [&](size_t, size_t token, std::span<const float> logits) {
    if (token + 1 < count) sum += log_sum_exp(logits) - logits[static_cast<size_t>(ids[token + 1])];
  });
  return std::exp(sum / static_cast<double>(count - 1));
}

}  // namespace

TEST_CASE("default model: token ids") {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  for (const Json& prompt : reference()["prompts"])
    CHECK(tokenizer.encode(prompt["text"].get<std::string>()) == prompt["ids"].get<std::vector<TokenId>>());
}

TEST_CASE("default model: exact precision is the reference's") {
  Model model = Model::load(folder, {.precision = Precision::Exact});
  CHECK(top20_difference(model).most < 0.01);
  const double expected = reference()["perplexity"]["perplexity"].get<double>();
  CHECK(std::abs(perplexity(model) / expected - 1) < 0.001);
}

TEST_CASE("default model: greedy text at exact precision is the reference's") {
  Model model = Model::load(folder, {.precision = Precision::Exact});
  for (const Json& prompt : reference()["prompts"]) {
    CAPTURE(prompt["text"].get<std::string>());
    const auto ids = prompt["greedy"].get<std::vector<TokenId>>();
    const auto margins = prompt["margins"].get<std::vector<double>>();
    Sequence sequence(model);
    auto logits = model.next_logits(sequence, prompt["ids"].get<std::vector<TokenId>>());
    for (size_t i = 0; i < ids.size(); i++) {
      CAPTURE(i);
      if (margins[i] > 0.01) CHECK(best(logits) == ids[i]);
      logits = model.next_logits(sequence, {&ids[i], 1});
    }
  }
}

TEST_CASE("default model: the default precision is near") {
  Model model = Model::load(folder);
  CHECK(top20_difference(model).mean < 0.10);
  const double expected = reference()["perplexity"]["perplexity"].get<double>();
  CHECK(std::abs(perplexity(model) / expected - 1) < 0.01);
}

TEST_CASE("default model: two 8-bit terms for an activation are nearer") {
  Model model = Model::load(folder, {.precision = Precision::High});
  CHECK(top20_difference(model).most < 0.01);
}

#ifndef FORETELL_SANITIZED
TEST_CASE("default model: next answers within 0.25 s and 1.15 times the weights + KV + 40 MB") {
  int64_t weights = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") weights += static_cast<int64_t>(entry.file_size());
  // The best of some tries, and where other programs have the cores, the time that it computed itself.
  double seconds = 1e9;
  for (int i = 0; i < 5; i++) {
    const auto start = std::chrono::steady_clock::now();
    const test::Outcome outcome = test::run({"next", "-p", "hi", "--model", folder.string(), "--json"});
    const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    seconds = std::min({seconds, wall, outcome.cpu_seconds});
    REQUIRE(outcome.code == 0);
    constexpr int64_t kv = 256 * 12'240;  // one block of the cache
    CHECK(outcome.peak_bytes < weights * 115 / 100 + kv + 40'000'000);
    CHECK(outcome.peak_bytes > weights / 2);  // it was measured at all
  }
  CHECK(seconds < 0.25);
}
#endif
