// Speculation changes when a text comes, never which: every text here is made with and without.
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "foretell/generate.h"
#include "generate/ngram_lookup.h"
#include "generate/speculation_costs.h"
#include "temp_folder.h"

using namespace foretell;
using Ids = std::vector<TokenId>;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/arch";

constexpr int cycle = 23;

// A text that repeats itself, so that there is something to look up.
Ids repeating_prompt(int length, TokenId below) {
  Ids ids;
  for (int i = 0; i < length; i++) ids.push_back((i % cycle * 31 + 7) % below);
  return ids;
}

// Tiny models babble: this makes them like to go on as the text does, but not always.
std::vector<LogitBias> liking_for(const Ids& text) {
  std::vector<LogitBias> biases;
  for (size_t i = 0; i < cycle; i++) biases.push_back({{text[i], text[i + 1]}, i % 7 == 0 ? 1.5 : 30});
  return biases;
}

struct Chain {
  std::string name;
  SamplingOptions sampling;
};

std::vector<Chain> chains() {
  std::vector<Chain> result;
  result.push_back({"greedy", {.temperature = 0}});
  result.push_back({"drawn", {.temperature = 0.4, .top_k = 20, .top_p = 0.9, .seed = 11}});
  result.push_back({"penalties", {.temperature = 0.3, .repetition_penalty = 1.1, .frequency_penalty = 0.1, .seed = 5}});
  result.push_back({"dry", {.temperature = 0, .dry_multiplier = 0.3}});
  result.push_back({"mirostat", {.temperature = 0.5, .mirostat = 2, .mirostat_tau = 3, .seed = 3}});
  result.push_back({"mirostat 1, xtc", {.temperature = 0.5, .xtc_probability = 0.3, .mirostat = 1, .seed = 4}});
  return result;
}

Generation text_of(Model& model, const Ids& prompt, const GenerateOptions& options) {
  Sequence sequence(model, 256);
  return generate(model, nullptr, sequence, prompt, options);
}

struct Counts {
  int64_t drafted = 0, accepted = 0;
};

// Every chain with and without lookup; what was drafted with it.
Counts check_lookup(const std::filesystem::path& name, const LoadOptions& load = {.threads = 1}) {
  CAPTURE(name);
  Model model = Model::load(golden / name, load);
  const Ids prompt = repeating_prompt(70, static_cast<TokenId>(model.vocabulary_size()));
  Counts counts;
  for (const Chain& chain : chains()) {
    CAPTURE(chain.name);
    GenerateOptions options{.sampling = chain.sampling, .max_tokens = 40, .lookup = 0};
    options.sampling.logit_bias = liking_for(prompt);
    const Generation plain = text_of(model, prompt, options);
    CHECK(plain.drafted_tokens == 0);
    for (const int64_t lookup : {1, 15, -1}) {
      options.lookup = lookup;
      const Generation ahead = text_of(model, prompt, options);
      CHECK(ahead.ids == plain.ids);
      CHECK(ahead.finish_reason == plain.finish_reason);
      CHECK(ahead.accepted_tokens <= ahead.drafted_tokens);
      counts.drafted += ahead.drafted_tokens;
      counts.accepted += ahead.accepted_tokens;
    }
  }
  return counts;
}

void check_lookup_is_used(const std::string& name, const LoadOptions& load = {.threads = 1}) {
  const Counts counts = check_lookup(name, load);
  CHECK(counts.drafted > 40);
  CHECK(counts.accepted > 0);
}

}  // namespace

TEST_CASE("lookup: the same text of mistral, with a window") { check_lookup_is_used("mistral"); }
TEST_CASE("lookup: the same text of quantized weights") {
  check_lookup_is_used("qwen3", {.quantize_bits = 4, .threads = 1});
}
TEST_CASE("lookup: the same text of gpt2") { check_lookup_is_used("gpt2"); }
TEST_CASE("lookup: the same text with sliding windows") { check_lookup_is_used("gemma3"); }
TEST_CASE("lookup: the same text with chunks of attention and experts") { check_lookup_is_used("llama4"); }
TEST_CASE("lookup: the same text with latent attention") { check_lookup_is_used("deepseek_v2"); }

TEST_CASE("lookup: rotary scalings that depend on the length do without where it matters") {
  for (const bool longer : {false, true}) {
    TempFolder folder;
    std::filesystem::copy(golden / "llama", folder.path(), std::filesystem::copy_options::recursive);
    Json config = read_json_file(folder.path() / "config.json");
    config["rope_scaling"] = {{"rope_type", "dynamic"}, {"factor", 4.0}};
    config["max_position_embeddings"] = longer ? 64 : 100;
    folder.write("config.json", config.dump());
    const Counts counts = check_lookup(folder.path());
    if (longer) CHECK(counts.drafted == 0);   // the prompt is beyond what the frequencies are made for
    if (!longer) CHECK(counts.drafted > 20);  // the text reaches it
  }
}

TEST_CASE("lookup: models that carry a state along do without") {
  for (const char* name : {"lfm2", "qwen3_next"}) CHECK(check_lookup(name).drafted == 0);
}

TEST_CASE("draft: a model that guesses for itself is always right, drawn or not") {
  Model model = Model::load(golden / "qwen3", {.threads = 1});
  const Ids prompt = repeating_prompt(20, static_cast<TokenId>(model.vocabulary_size()));
  for (const Chain& chain : chains()) {
    CAPTURE(chain.name);
    GenerateOptions options{.sampling = chain.sampling, .max_tokens = 40, .lookup = 0};
    const Generation plain = text_of(model, prompt, options);
    Sequence own(model, 256);
    ModelPredictor predictor(model, own);
    options.draft = &predictor;
    for (const int64_t tokens : {1, 7, -1}) {
      options.draft_tokens = tokens;
      const Generation ahead = text_of(model, prompt, options);
      CHECK(ahead.ids == plain.ids);
      if (tokens > 0) CHECK(ahead.drafted_tokens > 10);
      if (chain.sampling.mirostat == 0) CHECK(ahead.accepted_tokens == ahead.drafted_tokens);
    }
  }
}

TEST_CASE("draft: a model that guesses badly costs time only") {
  Model model = Model::load(golden / "llama", {.threads = 1});
  Model other = Model::load(golden / "llama_yarn", {.threads = 1});
  REQUIRE(model.vocabulary_size() == other.vocabulary_size());
  const Ids prompt = repeating_prompt(20, static_cast<TokenId>(model.vocabulary_size()));
  for (const Chain& chain : chains()) {
    CAPTURE(chain.name);
    GenerateOptions options{.sampling = chain.sampling, .max_tokens = 40, .lookup = 0};
    const Generation plain = text_of(model, prompt, options);
    Sequence sequence(other, 256);
    ModelPredictor predictor(other, sequence);
    options.draft = &predictor;
    options.draft_tokens = 4;
    for (const int64_t lookup : {0, 5}) {  // alone, and where nothing can be looked up
      options.lookup = lookup;
      const Generation ahead = text_of(model, prompt, options);
      CHECK(ahead.ids == plain.ids);
      CHECK(ahead.drafted_tokens > 0);
    }
  }
}

TEST_CASE("draft: models that carry a state along cannot guess") {
  Model model = Model::load(golden / "llama", {.threads = 1});
  Model other = Model::load(golden / "lfm2", {.threads = 1});
  Sequence sequence(other, 64);
  ModelPredictor predictor(other, sequence);
  CHECK_THROWS_WITH(text_of(model, {1, 2}, {.draft = &predictor}), Catch::Contains("cannot guess"));
}

namespace {

// Words a to h by their letters, and an end token.
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
              "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5, "g": 6, "h": 7}, "merges": []}})",
                                                       "test");
  return result;
}

// Predicts the tokens of a script one after the other. Its logits also depend on all that it has read, so that a guess
// that was not taken back shows; and it can read ahead.
class Script : public Predictor {
 public:
  Script(size_t prompt, Ids script, int64_t capacity)
      : prompt_(prompt), script_(std::move(script)), capacity_(capacity) {}
  int64_t length() const override { return static_cast<int64_t>(read_.size()); }
  int64_t capacity() const override { return capacity_; }
  void truncate(int64_t length) override { read_.resize(static_cast<size_t>(length)); }
  std::span<const float> read(std::span<const TokenId> tokens, const std::function<bool()>&) override {
    steps++;
    read_.insert(read_.end(), tokens.begin(), tokens.end());
    return kept_[0] = logits(), kept_[0];
  }
  int64_t draft_room(int64_t wanted) const override { return wanted; }
  void read_each(std::span<const TokenId> tokens, std::span<std::span<const float>> each) override {
    steps++;
    REQUIRE(tokens.size() == each.size());
    for (size_t i = 0; i < tokens.size(); i++) {
      read_.push_back(tokens[i]);
      kept_[i] = logits();
      each[i] = kept_[i];
    }
    REQUIRE(length() <= capacity_);
  }
  const Ids& what_was_read() const { return read_; }
  int steps = 0;

 private:
  std::vector<float> logits() const {
    uint32_t hash = 1;
    for (const TokenId id : read_) hash = hash * 2654435761U + static_cast<uint32_t>(id) + 1;
    std::vector<float> logits;
    for (uint32_t i = 0; i < 9; i++) logits.push_back(static_cast<float>((hash >> (3 * i)) % 8) / 8);
    logits[static_cast<size_t>(script_.at((read_.size() - prompt_) % script_.size()))] += 4;
    return logits;
  }
  size_t prompt_;
  Ids script_;
  int64_t capacity_;
  Ids read_;
  std::vector<float> kept_[most_drafted + 1];
};

struct Outcome {
  Generation generation;
  std::vector<std::string> pieces;
  Ids read;
  int steps = 0;
};

const Ids rhyme = {0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 7, 6, 0, 1, 2, 3};

Outcome run(GenerateOptions options, int64_t capacity = 200) {
  Script predictor(rhyme.size(), rhyme, capacity);
  Outcome outcome;
  int asked = 0;
  if (options.interrupted) options.interrupted = [&asked] { return ++asked > 9; };
  outcome.generation = generate(predictor, &tokenizer(), rhyme, options,
                                [&](std::string_view text) { outcome.pieces.emplace_back(text); });
  outcome.read = predictor.what_was_read();
  outcome.steps = predictor.steps;
  return outcome;
}

void check_same(GenerateOptions options, int64_t capacity = 200) {
  options.lookup = 0;
  const Outcome plain = run(options, capacity);
  for (int64_t lookup = 1; lookup <= 15; lookup += 2) {
    CAPTURE(lookup, options.max_tokens, capacity);
    options.lookup = lookup;
    const Outcome ahead = run(options, capacity);
    CHECK(ahead.generation.ids == plain.generation.ids);
    CHECK(ahead.generation.text == plain.generation.text);
    CHECK(ahead.generation.finish_reason == plain.generation.finish_reason);
    CHECK(ahead.pieces == plain.pieces);
    REQUIRE(ahead.generation.logprobs.size() == plain.generation.logprobs.size());
    for (size_t i = 0; i < plain.generation.logprobs.size(); i++)
      CHECK(ahead.generation.logprobs[i].logprob == plain.generation.logprobs[i].logprob);
    // What it holds in the end is the text, perhaps to its last token.
    CHECK(ahead.read.size() >= plain.read.size());
    Ids text = rhyme;
    text.insert(text.end(), plain.generation.ids.begin(), plain.generation.ids.end());
    if (options.stop.empty())
      CHECK(Ids(text.begin(), text.begin() + static_cast<int64_t>(ahead.read.size())) == ahead.read);
  }
}

}  // namespace

TEST_CASE("speculation: fewer steps") {
  GenerateOptions options{.sampling = {.temperature = 0}, .max_tokens = 100, .lookup = 0};
  const Outcome plain = run(options);
  CHECK(plain.steps == 100);
  options.lookup = 10;
  const Outcome ahead = run(options);
  CHECK(ahead.steps < 25);
  CHECK(ahead.generation.ids == plain.generation.ids);
  CHECK(ahead.generation.drafted_tokens >= ahead.generation.accepted_tokens);
  CHECK(ahead.generation.accepted_tokens > 70);
}

TEST_CASE("speculation: the most tokens and the context end the text among guesses") {
  for (int64_t most = 0; most < 24; most++) check_same({.sampling = {.temperature = 0}, .max_tokens = most});
  for (int64_t capacity = 18; capacity < 40; capacity++) check_same({.sampling = {.temperature = 0}}, capacity);
}

TEST_CASE("speculation: stop texts and end tokens among guesses") {
  for (const char* stop : {"e", "de", "abcd", "gab", "hga"})
    check_same({.sampling = {.temperature = 0}, .max_tokens = 60, .stop = {stop}});
  for (TokenId end = 0; end < 8; end++) {
    GenerateOptions options{.sampling = {.temperature = 0, .end_ids = {end}}, .max_tokens = 60};
    check_same(options);
    options.sampling.min_tokens = 20;
    check_same(options);
    options.ignore_end = true;
    check_same(options);
  }
}

TEST_CASE("speculation: log-probabilities, draws and interruptions") {
  for (uint64_t seed = 0; seed < 8; seed++) {
    GenerateOptions options{.sampling = {.temperature = 0.8, .seed = seed}, .max_tokens = 40, .logprobs = 2};
    check_same(options);
    options.sampling.mirostat = 2;
    check_same(options);
  }
  GenerateOptions options{.sampling = {.temperature = 0}};
  options.interrupted = [] { return true; };
  check_same(options);
}

TEST_CASE("lookup finds the longest run that stood before, of several the last") {
  NgramLookup lookup(64);
  const Ids text = {1, 2, 3, 4, 9, 2, 3, 4, 7, 5, 1, 2, 3, 4};
  lookup.read(text);
  CHECK(lookup.match_length() == 4);
  Ids next(12);
  lookup.copy_continuation(text, next);
  CHECK(next == Ids{9, 2, 3, 4, 7, 5, 1, 2, 3, 4, 9, 2});  // it goes on with itself
  // Where the guess came true the match grows; where it did not another one is looked for.
  Ids longer = text;
  longer.push_back(9);
  lookup.read(longer);
  CHECK(lookup.match_length() == 5);
  longer.insert(longer.end(), {2, 3, 4, 7});
  lookup.read(longer);
  CHECK(lookup.match_length() == 9);
  longer.push_back(8);
  lookup.read(longer);
  CHECK(lookup.match_length() == 0);
  longer.insert(longer.end(), {2, 3, 4});
  lookup.read(longer);
  CHECK(lookup.match_length() == 3);
  lookup.copy_continuation(longer, std::span(next).first(1));
  CHECK(next[0] == 7);
}

TEST_CASE("lookup against a slow search") {
  uint32_t random = 12345;
  Ids text;
  NgramLookup lookup(400);
  for (int i = 0; i < 400; i++) {
    random = random * 1664525 + 1013904223;
    text.push_back(static_cast<TokenId>((random >> 20) % (i < 200 ? 3 : 40)));
    lookup.read(text);
    size_t longest = 0;
    for (size_t end = 1; end < text.size(); end++) {
      size_t length = 0;
      while (length < end && text[end - 1 - length] == text[text.size() - 1 - length]) length++;
      longest = std::max(longest, length);
    }
    if (lookup.match_length() > 0) {
      CHECK(lookup.match_length() <= longest);
      CHECK(lookup.match_length() >= NgramLookup::least);
    } else {
      CHECK(longest < NgramLookup::least);
    }
  }
}

TEST_CASE("lookup learns how far matches can be trusted") {
  NgramLookup lookup(4000);
  Ids text = {1, 2, 3};
  const auto chance_after = [&](bool keeps) {
    for (TokenId i = 0; i < 200; i++) {
      text.insert(text.end(), {1, 2, 3, keeps ? 4 : 100 + i});
      for (size_t n = text.size() - 3; n <= text.size(); n++) lookup.read(std::span(text).first(n));
    }
    text.insert(text.end(), {1, 2, 3});
    lookup.read(text);
    REQUIRE(lookup.match_length() >= 3);
    return lookup.chance(0);
  };
  CHECK(chance_after(false) < 0.05);
  CHECK(chance_after(true) > 0.9);
}

TEST_CASE("the number of drafted tokens follows from what steps take and what guesses are worth") {
  StepCosts costs;
  const auto always = [](double chance) { return [chance](size_t) { return chance; }; };
  CHECK(plan_draft(costs, 15, 0, always(0.99)).tokens == 0);  // nothing is known
  costs.add(1, 0.010);
  CHECK(plan_draft(costs, 15, 0, always(0.99)).tokens == 15);
  CHECK(plan_draft(costs, 6, 0, always(0.99)).tokens == 6);
  CHECK(plan_draft(costs, 15, 0, always(0.05)).tokens == 0);
  CHECK(plan_draft(costs, 15, 0.02, always(0.9)).tokens == 0);  // guesses dearer than the steps that they save
  // Steps of more than two tokens turn out to be dear.
  for (size_t n = 3; n <= 16; n++)
    for (int i = 0; i < 20; i++) costs.add(n, 0.010 * static_cast<double>(n));
  costs.add(2, 0.0105);
  CHECK(plan_draft(costs, 15, 0, always(0.7)).tokens == 1);
  CHECK(costs.of(2) == Approx(0.0105));
}

TEST_CASE("one slow step does not stop speculation for good") {
  StepCosts costs;
  costs.add(1, 0.010);
  costs.add(4, 5.0);  // the machine was busy
  CHECK(costs.of(4) < 0.05);
  const auto chance = [](size_t) { return 0.6; };
  StepCosts slow;
  slow.add(1, 0.010);
  for (size_t n = 2; n <= 16; n++)
    for (int i = 0; i < 20; i++) slow.add(n, 0.1);
  CHECK(plan_draft(slow, 15, 0, chance).tokens == 0);
  int until_tried = 0;
  while (plan_draft(slow, 15, 0, chance).tokens == 0 && until_tried < 5000) slow.add(1, 0.010), until_tried++;
  CHECK(until_tried > 100);
  CHECK(until_tried < 2000);
}

TEST_CASE("the tokens of a draft model are compared") {
  const auto load = [](const std::string& name) { return Tokenizer::load(golden / name); };
  CHECK_NOTHROW(check_same_tokens(load("llama"), "large", load("llama"), "small"));
  CHECK_THROWS_WITH(check_same_tokens(tokenizer(), "large", load("llama"), "small"),
                    Catch::Contains("large") && Catch::Contains("small") && Catch::Contains("expected 9 tokens"));
}
