// The loop with a model that follows a script, so that every end is seen.
#include "foretell/generate.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace foretell;
using Ids = std::vector<TokenId>;

namespace {

// a b c d, a blank, the two bytes of é, " b", and an end token.
constexpr TokenId a = 0, b = 1, c = 2, d = 3, blank = 4, c3 = 5, a9 = 6, blank_b = 7, end = 8;
constexpr size_t vocabulary = 9;

const Tokenizer& tokenizer() {
  static const Tokenizer result = Tokenizer::from_json(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 8, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
                      "normalized": false, "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
              "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
              "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "Ġ": 4, "Ã": 5, "©": 6, "Ġb": 7}, "merges": [["Ġ", "b"]]}})",
                                                       "test");
  return result;
}

// After the prompt, predicts the tokens of a script one after the other, with d as the second choice.
class Script : public Predictor {
 public:
  Script(size_t prompt, Ids script, int64_t capacity = 100)
      : prompt_(prompt), script_(std::move(script)), capacity_(capacity) {}
  int64_t length() const override { return static_cast<int64_t>(read_.size()); }
  int64_t capacity() const override { return capacity_; }
  void truncate(int64_t length) override { read_.resize(static_cast<size_t>(length)); }
  std::span<const float> read(std::span<const TokenId> tokens, const std::function<bool()>& stop) override {
    for (const TokenId id : tokens) {
      if (stop && stop()) return {};
      read_.push_back(id);
    }
    const size_t generated = read_.size() - prompt_;
    logits_.assign(vocabulary, 0);
    logits_[d] = 5;
    logits_[static_cast<size_t>(script_.at(generated % script_.size()))] = 10;
    return logits_;
  }
  const Ids& what_was_read() const { return read_; }
  float& logit(size_t id) { return logits_[id]; }

 private:
  size_t prompt_;
  Ids script_;
  int64_t capacity_;
  Ids read_;
  std::vector<float> logits_;
};

struct Outcome {
  Generation generation;
  std::vector<std::string> pieces;
  Ids read;
};

Outcome run(const Ids& script, GenerateOptions options, const Ids& prompt = {a, b}, int64_t capacity = 100) {
  Script predictor(prompt.size(), script, capacity);
  options.sampling.temperature = 0;
  Outcome outcome;
  outcome.generation = generate(predictor, &tokenizer(), prompt, options,
                                [&](std::string_view text) { outcome.pieces.emplace_back(text); });
  outcome.read = predictor.what_was_read();
  std::string text;
  for (const std::string& piece : outcome.pieces) text += piece;
  CHECK(text == outcome.generation.text);
  return outcome;
}

GenerateOptions ending(GenerateOptions options = {}) {
  options.sampling.end_ids = {end};
  return options;
}

}  // namespace

TEST_CASE("text is streamed token by token until the most tokens are there") {
  const Outcome out = run({a, blank_b, c}, {.max_tokens = 5});
  CHECK(out.generation.ids == Ids{a, blank_b, c, a, blank_b});
  CHECK(out.generation.text == "a bca b");
  CHECK(out.pieces == std::vector<std::string>{"a", " b", "c", "a", " b"});
  CHECK(out.generation.finish_reason == FinishReason::Length);
  CHECK(out.generation.timing.prefill_tokens == 2);
  CHECK(out.generation.timing.decode_tokens == 5);
  CHECK(out.read == Ids{a, b, a, blank_b, c, a});  // the last one need not be read
  CHECK(run({a}, {.max_tokens = 0}).read.empty());
}

TEST_CASE("an end token ends the text and is not part of it") {
  const Outcome out = run({a, end, b}, ending());
  CHECK(out.generation.ids == Ids{a});
  CHECK(out.generation.finish_reason == FinishReason::Stop);
  CHECK(run({end}, ending()).generation.ids.empty());
  CHECK(run({a, end, b}, ending({.max_tokens = 3, .ignore_end = true})).generation.ids == Ids{a, end, b});
  GenerateOptions least = ending({.max_tokens = 4});
  least.sampling.min_tokens = 2;
  CHECK(run({end}, least).generation.ids == Ids{d, d});
  least.ignore_end = true;
  CHECK(run({end}, least).generation.ids == Ids{end, end, end, end});
}

TEST_CASE("a stop text ends the text before it, also across tokens") {
  const Outcome out = run({a, c, blank, b, d}, {.stop = {"c b"}});
  CHECK(out.generation.text == "a");
  CHECK(out.generation.ids == Ids{a});
  CHECK(out.generation.finish_reason == FinishReason::Stop);
  // It begins inside of a token, of which a part is text.
  const Outcome inside = run({a, blank_b, c}, {.stop = {"bc"}});
  CHECK(inside.generation.text == "a ");
  CHECK(inside.generation.ids == Ids{a, blank_b});
  // The beginning of a stop text that never comes is held back and then given.
  const Outcome held = run({a, c, end}, ending({.stop = {"cb"}}));
  CHECK(held.generation.text == "ac");
  CHECK(held.generation.ids == Ids{a, c});
  // The prompt is not searched.
  CHECK(run({c, d}, {.max_tokens = 2, .stop = {"bc", "ab"}}).generation.text == "cd");
}

TEST_CASE("only whole characters are streamed") {
  const Outcome out = run({a, c3, a9, b}, {.max_tokens = 4});
  CHECK(out.pieces == std::vector<std::string>{"a", "é", "b"});
  CHECK(run({a, c3}, {.max_tokens = 2}).generation.text == "a\xef\xbf\xbd");
  CHECK(run({a9, a}, {.max_tokens = 2}, {a, c3}).generation.text == "éa");  // the prompt has its first byte
}

TEST_CASE("a full context ends the text, and a prompt beyond it is an error") {
  const Outcome out = run({a}, {}, {a, b}, 4);
  CHECK(out.generation.ids == Ids{a, a});
  CHECK(out.generation.finish_reason == FinishReason::Context);
  CHECK(run({a}, {.max_tokens = 2}, {a, b}, 4).generation.finish_reason == FinishReason::Length);
  const Outcome full = run({a}, {}, Ids(4, a), 4);
  CHECK(full.generation.ids.empty());
  CHECK(full.generation.finish_reason == FinishReason::Context);
  CHECK_THROWS_WITH(run({a}, {}, Ids(5, a), 4), Catch::Contains("at most 4 tokens") && Catch::Contains("found 5"));
  CHECK_THROWS_WITH(run({a}, {}, {}), Catch::Contains("no tokens"));
}

TEST_CASE("an interruption ends the text where it is") {
  int asked = 0;
  GenerateOptions options;
  options.interrupted = [&] { return ++asked > 4; };  // twice in the prompt, then once for each token
  const Outcome out = run({a, c}, options);
  CHECK(out.generation.text == "ac");
  CHECK(out.generation.finish_reason == FinishReason::Interrupted);
  options.interrupted = [] { return true; };
  const Outcome at_once = run({a, c}, options);
  CHECK(at_once.generation.ids.empty());
  CHECK(at_once.generation.finish_reason == FinishReason::Interrupted);
  CHECK(at_once.read.empty());
}

TEST_CASE("log-probabilities are of the model's own distribution, one entry for each id") {
  const Outcome out = run({a, c}, {.max_tokens = 3, .logprobs = 2});
  REQUIRE(out.generation.logprobs.size() == 3);
  const double total = std::log(std::exp(10.0) + std::exp(5.0) + 7);
  const ChosenLogprob& first = out.generation.logprobs[0];
  CHECK(first.id == a);
  CHECK(first.logprob == Approx(10 - total).epsilon(1e-9));
  REQUIRE(first.top.size() == 2);
  CHECK(first.top[0].id == a);
  CHECK(first.top[1].id == d);
  CHECK(first.top[1].logprob == Approx(5 - total).epsilon(1e-9));
  CHECK(run({a, c}, {.max_tokens = 3}).generation.logprobs.empty());
  CHECK(run({a, c, blank, b}, {.stop = {"c b"}, .logprobs = 0}).generation.logprobs.size() == 1);
}

TEST_CASE("what was read before is not read again") {
  Script predictor(3, {c});
  GenerateOptions options{.max_tokens = 2};
  options.sampling.temperature = 0;
  const Ids prompt = {a, b, a};
  CHECK(generate(predictor, &tokenizer(), prompt, options).timing.prefill_tokens == 3);
  const Generation again = generate(predictor, &tokenizer(), prompt, options);
  CHECK(again.timing.prefill_tokens == 1);
  CHECK(again.ids == Ids{c, c});
}

TEST_CASE("the seed is reported and decides") {
  const auto text = [](std::optional<uint64_t> seed) {
    Script predictor(1, {a, b});
    GenerateOptions options{.max_tokens = 20};
    options.sampling.seed = seed;
    options.sampling.temperature = 10;
    return generate(predictor, &tokenizer(), Ids{a}, options);
  };
  CHECK(text(3).ids == text(3).ids);
  CHECK(text(3).ids != text(4).ids);
  CHECK(text(3).seed == 3);
  const Generation random = text({});
  CHECK(random.ids == text(random.seed).ids);
}

TEST_CASE("without a tokenizer there are ids and no text") {
  Script predictor(1, {a, end});
  GenerateOptions options = ending();
  options.sampling.temperature = 0;
  const Generation out = generate(predictor, nullptr, Ids{b}, options);
  CHECK(out.ids == Ids{a});
  CHECK(out.text.empty());
}

TEST_CASE("progress is told while the prompt is read") {
  std::vector<size_t> done;
  GenerateOptions options{.max_tokens = 1};
  options.on_prefill = [&](size_t part, size_t total) {
    CHECK(total == 3);
    done.push_back(part);
  };
  run({a}, options, {a, b, c});
  CHECK(done == std::vector<size_t>{0, 1, 2, 3});
}

TEST_CASE("the time that a text may take ends it") {
  const Outcome out = run({a, c}, {.max_tokens = 1000000, .max_seconds = 0.05}, {a, b}, 1000000);
  CHECK(out.generation.finish_reason == FinishReason::Length);
  CHECK(out.generation.out_of_time);
  CHECK(!out.generation.ids.empty());
  CHECK_FALSE(run({a, c}, {.max_tokens = 3, .max_seconds = 100}).generation.out_of_time);
}
