// Texts that are written together are those that are written alone.
#include "foretell/batch.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>

#include "kernels/dispatch.h"

using namespace foretell;
using Ids = std::vector<TokenId>;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/arch";

Ids some_prompt(size_t length, TokenId factor) {
  Ids ids;
  for (size_t i = 0; i < length; i++) ids.push_back(static_cast<TokenId>((i * i + 3) % 97) * factor % 300 + 3);
  return ids;
}

GenerateOptions drawn(uint64_t seed, int64_t tokens) {
  GenerateOptions options{.max_tokens = tokens};
  options.sampling.temperature = 0.9;
  options.sampling.top_k = 60;
  options.sampling.repetition_penalty = 1.1;
  options.sampling.seed = seed;
  return options;
}

// Prompts of one block of the cache and more, equal ones, and one that begins as another does.
std::vector<BatchText> some_texts() {
  std::vector<BatchText> texts;
  const Ids long_prompt = some_prompt(270, 7);
  texts.push_back({.prompt = long_prompt, .options = drawn(1, 12)});
  texts.push_back({.prompt = some_prompt(3, 5), .options = drawn(2, 30)});
  texts.push_back({.prompt = long_prompt, .options = drawn(3, 9)});
  texts.push_back({.prompt = some_prompt(1, 11), .options = drawn(4, 1)});
  Ids longer(long_prompt.begin(), long_prompt.begin() + 200);
  longer.insert(longer.end(), {7, 8, 9});
  texts.push_back({.prompt = longer, .options = drawn(5, 14)});
  texts.push_back({.prompt = some_prompt(3, 5), .options = drawn(2, 30)});
  texts.push_back({.prompt = some_prompt(40, 3), .options = drawn(6, 20)});
  return texts;
}

struct Alone {
  Ids ids;
  std::vector<double> logprobs;
  bool operator==(const Alone&) const = default;
};

Alone of(const Generation& generation) {
  Alone alone{generation.ids, {}};
  for (const ChosenLogprob& chosen : generation.logprobs) alone.logprobs.push_back(chosen.logprob);
  return alone;
}

void check_as_alone(const std::string& name, LoadOptions load) {
  load.threads = 2;
  CAPTURE(name, load.isa, load.quantize_bits, static_cast<int>(load.precision));
  Model model = Model::load(golden / name, load);
  std::vector<BatchText> texts = some_texts();
  std::vector<Alone> alone;
  for (BatchText& text : texts) {
    text.options.logprobs = 0;
    text.options.ignore_end = true;
    Sequence sequence(model, 320);
    alone.push_back(of(generate(model, nullptr, sequence, text.prompt, text.options)));
  }
  for (const size_t at_once : {size_t{1}, size_t{3}, size_t{16}}) {
    CAPTURE(at_once);
    Batch batch(model, nullptr, {.at_once = at_once, .capacity = 320});
    for (const BatchText& text : texts) batch.add(text);
    std::map<size_t, Alone> together;
    batch.run([&](size_t index, const BatchResult& result) {
      REQUIRE(result.generation);
      together[index] = of(*result.generation);
    });
    REQUIRE(together.size() == texts.size());
    for (size_t i = 0; i < texts.size(); i++) {
      CAPTURE(i);
      CHECK(together[i] == alone[i]);
    }
  }
}

}  // namespace

TEST_CASE("a batch writes what each text is alone: instruction sets and formats") {
  for (const kernels::Table* table : kernels::usable_tables()) {
    const std::string isa = table->name;
    check_as_alone("llama", {.isa = isa});
    check_as_alone("llama", {.quantize_bits = 4, .isa = isa});
    check_as_alone("gemma3", {.precision = Precision::High, .quantize_bits = 8, .isa = isa});
  }
}

TEST_CASE("a batch writes what each text is alone: experts, latent attention and states") {
  check_as_alone("mixtral", {});
  check_as_alone("deepseek_v3", {.quantize_bits = 4});
  check_as_alone("qwen3_next", {});
  check_as_alone("lfm2", {.quantize_bits = 8});
}

TEST_CASE("a batch reads a prompt once for all of its texts") {
  Model model = Model::load(golden / "llama", {.threads = 1});
  Batch batch(model, nullptr, {.at_once = 8, .capacity = 320});
  for (uint64_t seed = 0; seed < 8; seed++) batch.add({.prompt = some_prompt(100, 3), .options = drawn(seed, 1)});
  int done = 0;
  batch.run([&](size_t, const BatchResult&) { done++; });
  CHECK(done == 8);
  CHECK(batch.tokens_shared() == 7 * 99);
  CHECK(batch.tokens_read() == 99 + 8);
}

TEST_CASE("what is wrong with a text does not stop the others") {
  Model model = Model::load(golden / "llama", {.threads = 1});
  Batch batch(model, nullptr, {.at_once = 2, .capacity = 50});
  batch.add({.prompt = {}, .options = drawn(1, 5)});
  batch.add({.prompt = Ids(51, 3), .options = drawn(1, 5)});
  batch.add({.prompt = {1, 99999}, .options = drawn(1, 5)});
  GenerateOptions wrong = drawn(1, 5);
  wrong.sampling.top_p = 7;
  batch.add({.prompt = {1}, .options = wrong});
  batch.add({.prompt = {1, 2}, .options = drawn(1, 5)});
  std::map<size_t, std::string> errors;
  size_t written = 0;
  batch.run([&](size_t index, const BatchResult& result) {
    if (result.error) errors[index] = result.error->what();
    if (result.generation) written = index;
  });
  CHECK(written == 4);
  REQUIRE(errors.size() == 4);
  CHECK_THAT(errors[0], Catch::Contains("no tokens"));
  CHECK_THAT(errors[1], Catch::Contains("at most 50 tokens") && Catch::Contains("found 51"));
  CHECK_THAT(errors[2], Catch::Contains("99999"));
  CHECK_THAT(errors[3], Catch::Contains("top-p"));
}

TEST_CASE("a fork goes on by itself, and so does what it came from") {
  for (const char* name : {"llama", "lfm2", "qwen3_next"}) {
    CAPTURE(name);
    Model model = Model::load(golden / name, {.threads = 2});
    const auto logits = [&](Sequence& sequence, const Ids& ids) {
      const auto l = model.next_logits(sequence, ids);
      return std::vector<float>(l.begin(), l.end());
    };
    const Ids prompt = some_prompt(300, 5), one = {4, 5, 6}, other = {9, 8, 7};
    const auto whole = [&](int64_t length, const Ids& more) {
      Sequence sequence(model, 400);
      Ids ids(prompt.begin(), prompt.begin() + length);
      ids.insert(ids.end(), more.begin(), more.end());
      return logits(sequence, ids);
    };
    Sequence source(model, 400);
    logits(source, prompt);
    for (const int64_t length : {int64_t{300}, int64_t{280}, int64_t{256}, int64_t{10}, int64_t{0}}) {
      CAPTURE(length);
      Sequence fork = source.fork(length);
      CHECK(fork.length() == length);
      Sequence second = fork.fork(length);
      CHECK(logits(fork, one) == whole(length, one));
      CHECK(logits(second, other) == whole(length, other));
    }
    Sequence before = source.fork(300);
    source.truncate(20);
    CHECK(logits(source, one) == whole(20, one));
    CHECK(logits(before, other) == whole(300, other));
  }
}

TEST_CASE("a batch that is interrupted gives what there is") {
  Model model = Model::load(golden / "llama", {.threads = 1});
  int asked = 0;
  Batch batch(model, nullptr, {.at_once = 2, .capacity = 300, .interrupted = [&] { return ++asked > 12; }});
  for (int i = 0; i < 3; i++) {
    GenerateOptions options = drawn(1, 200);
    options.ignore_end = true;
    batch.add({.prompt = {1, 2, 3}, .options = options});
  }
  std::vector<size_t> indices;
  batch.run([&](size_t index, const BatchResult& result) {
    indices.push_back(index);
    CHECK(result.generation->finish_reason == FinishReason::Interrupted);
    CHECK(!result.generation->ids.empty());
  });
  CHECK(indices == std::vector<size_t>{0, 1});
}
