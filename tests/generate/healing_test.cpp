// Token healing: what goes back, what may come then, and that the text goes on from the prompt as it stands.
#include "foretell/healing.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "error_of.h"
#include "foretell/batch.h"
#include "foretell/error.h"
#include "foretell/generate.h"

using namespace foretell;
using Ids = std::vector<TokenId>;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden";

// Logits that depend on all that was read, and on nothing else.
class Noise : public Predictor {
 public:
  explicit Noise(size_t vocabulary) : logits_(vocabulary) {}
  int64_t length() const override { return static_cast<int64_t>(read_.size()); }
  int64_t capacity() const override { return 1000; }
  void truncate(int64_t length) override { read_.resize(static_cast<size_t>(length)); }
  std::span<const float> read(std::span<const TokenId> tokens, const std::function<bool()>&) override {
    read_.insert(read_.end(), tokens.begin(), tokens.end());
    uint64_t state = 7;
    for (const TokenId id : read_) state = (state ^ static_cast<uint64_t>(id + 1)) * 0x9e3779b97f4a7c15;
    for (float& logit : logits_) {
      state = state * 6364136223846793005 + 1442695040888963407;
      logit = static_cast<float>(state >> 40) / (1 << 24);
    }
    return logits_;
  }

 private:
  Ids read_;
  std::vector<float> logits_;
};

bool contains(std::span<const uint64_t> bits, TokenId id) {
  const auto i = static_cast<size_t>(id);
  return i / 64 < bits.size() && (bits[i / 64] >> (i % 64) & 1) != 0;
}

// Tokens that write text, as bytes.
std::vector<std::string> tokens_of(const Tokenizer& tokenizer) {
  std::vector<std::string> tokens;
  for (TokenId id = 0; id < tokenizer.vocabulary_size(); id++)
    tokens.push_back(tokenizer.is_special(id) ? std::string() : tokenizer.token_bytes(id));
  return tokens;
}

bool begins_longer_one(const std::vector<std::string>& tokens, const std::string& text) {
  return std::any_of(tokens.begin(), tokens.end(),
                     [&](const std::string& t) { return t.size() > text.size() && t.starts_with(text); });
}

// Whether tokens can write the text to its end, the last of them perhaps beyond.
bool can_be_written(const std::vector<std::string>& tokens, const std::string& text) {
  return text.empty() || std::any_of(tokens.begin(), tokens.end(), [&](const std::string& t) {
           if (t.empty()) return false;
           return t.starts_with(text) || (text.starts_with(t) && can_be_written(tokens, text.substr(t.size())));
         });
}

const std::vector<std::string> texts = {
    "The quick brown fox  jumps over\n\n    the lazy dog's 12345 tokens...",
    "<a href=\"http://example.org/index.html\">naïve café</a> Straße 你好，世界 🙂 e\u0301",
    "for (int i = 0; i < 10; i++) { return x_1 + \"é\"; }\t\r\n",
};

// The ends of the characters.
std::vector<size_t> places(const std::string& text) {
  std::vector<size_t> ends;
  for (size_t at = 1; at <= text.size(); at++)
    if (at == text.size() || (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80) ends.push_back(at);
  return ends;
}

// Whether the whole text begins with its prompt. Where it does not, the tokenizer reads bytes another way when more of
// them come.
bool check_text_goes_on(const Tokenizer& tokenizer, const TokenHealing& healing, const std::string& text) {
  Ids prompt = prompt_ids(tokenizer, text);
  if (prompt.empty()) return true;
  const std::string before = tokenizer.decode(prompt);
  GenerateOptions options{.sampling = {.temperature = 0}, .max_tokens = 12};
  options.taken_back = healing.take_back(prompt);
  Noise noise(static_cast<size_t>(tokenizer.vocabulary_size()));
  std::string streamed;
  const Generation out =
      generate(noise, &tokenizer, prompt, options, [&](std::string_view piece) { streamed += piece; });
  CHECK(streamed == out.text);
  Ids all = prompt;
  all.insert(all.end(), out.ids.begin(), out.ids.end());
  std::string bytes;
  for (const TokenId id : out.ids) bytes += tokenizer.token_bytes(id);
  CHECK(bytes.starts_with(options.taken_back.bytes));
  if (!tokenizer.decode(all).starts_with(before)) return false;
  CHECK(tokenizer.decode(all) == before + out.text);
  return true;
}

}  // namespace

TEST_CASE("a healed text goes on from its prompt, wherever that ends") {
  int folders = 0, prompts = 0, read_anew = 0;
  for (const auto& folder : std::filesystem::directory_iterator(golden / "tokenizers")) {
    // Words with blanks between them: what a token writes depends on those beside it.
    if (!std::filesystem::is_directory(folder) || folder.path().filename() == "wordlevel") continue;
    folders++;
    CAPTURE(folder.path().filename().string());
    const Tokenizer tokenizer = Tokenizer::load(folder.path());
    const TokenHealing healing(tokenizer, {});
    for (const std::string& text : texts) {
      for (const size_t end : places(text)) {
        CAPTURE(text.substr(0, end));
        prompts++;
        if (!check_text_goes_on(tokenizer, healing, text.substr(0, end))) read_anew++;
      }
    }
  }
  CHECK(folders > 10);
  CHECK(read_anew * 100 < prompts);
}

TEST_CASE("the longest end of a prompt that is the beginning of a longer token is taken back, and no special token") {
  size_t several = 0;
  for (const char* name : {"bytelevel_gpt2", "llama2_sp", "unigram", "wordpiece_bert", "gemma_like"}) {
    CAPTURE(name);
    const Tokenizer tokenizer = Tokenizer::load(golden / "tokenizers" / name);
    const TokenHealing healing(tokenizer, {});
    const std::vector<std::string> tokens = tokens_of(tokenizer);
    for (const std::string& text : texts) {
      for (const size_t end : places(text)) {
        const Ids whole = prompt_ids(tokenizer, text.substr(0, end));
        Ids prompt = whole;
        const TakenBack taken = healing.take_back(prompt);
        size_t most = 0;
        std::string bytes, longest;
        for (size_t n = 1; n < whole.size(); n++) {
          const std::string& token = tokens[static_cast<size_t>(whole[whole.size() - n])];
          if (token.empty()) break;
          bytes.insert(0, token);
          if (begins_longer_one(tokens, bytes)) most = n, longest = bytes;
        }
        CAPTURE(text.substr(0, end), bytes);
        CHECK(taken.ids.size() == most);
        CHECK(taken.bytes == longest);
        Ids again = prompt;
        again.insert(again.end(), taken.ids.begin(), taken.ids.end());
        CHECK(again == whole);
        if (most > 1) several++;
      }
    }
  }
  CHECK(several > 0);
}

TEST_CASE("the tokens that may come are those with which what was taken back can be written") {
  for (const char* name : {"bytelevel_gpt2", "llama2_sp", "unigram", "wordlevel"}) {
    CAPTURE(name);
    const Tokenizer tokenizer = Tokenizer::load(golden / "tokenizers" / name);
    const std::vector<std::string> tokens = tokens_of(tokenizer);
    const TokenId end = 9;  // that ends texts, whatever it writes
    const TokenHealing healing(tokenizer, std::span(&end, 1));
    for (const char* rest : {" ", "e", " th", "the quick", ":", "\xe4\xbd", "\xa0", "\n\n", "q", "\x01"}) {
      std::vector<uint64_t> allowed;
      healing.allow(rest, allowed);
      for (TokenId id = 0; id < tokenizer.vocabulary_size(); id++) {
        const std::string& token = id == end ? std::string() : tokens[static_cast<size_t>(id)];
        const bool longer = !token.empty() && token.starts_with(rest);
        const bool part =
            !token.empty() && std::string_view(rest).starts_with(token) && can_be_written(tokens, rest + token.size());
        CAPTURE(rest, id, token);
        REQUIRE(contains(allowed, id) == (longer || part));
        if (longer) CHECK(healing.rest_after(rest, id).empty());
        if (part) CHECK(healing.rest_after(rest, id) == rest + token.size());
      }
    }
  }
}

TEST_CASE("prompts of which nothing can be taken back") {
  const Tokenizer tokenizer = Tokenizer::load(golden / "tokenizers/bytelevel_gpt2");
  const TokenId blank = tokenizer.encode(" ").at(0);
  const auto taken = [&](Ids prompt, const Ids& ends = {}) {
    return TokenHealing(tokenizer, ends).take_back(prompt).ids;
  };
  TokenId special = 0;
  while (!tokenizer.is_special(special)) special++;
  CHECK(taken({}).empty());
  CHECK(taken({blank}).empty());  // something has to be read
  CHECK(taken({blank, special}).empty());
  CHECK(taken({special, blank}) == Ids{blank});
  CHECK(taken({special, blank}, {blank}).empty());
  CHECK(taken({blank, static_cast<TokenId>(tokenizer.vocabulary_size()) + 5}).empty());
  CHECK(taken({blank, -1}).empty());
}

namespace {

// Everything that a text depends on, but for the constraint.
Generation healed(Model& model, const Tokenizer& tokenizer, const TokenHealing& healing, GenerateOptions options,
                  const std::string& text) {
  Ids prompt = prompt_ids(tokenizer, text);
  options.taken_back = healing.take_back(prompt);
  REQUIRE_FALSE(options.taken_back.ids.empty());
  Sequence sequence(model);
  return generate(model, &tokenizer, sequence, prompt, options);
}

}  // namespace

TEST_CASE("healed texts: guesses, batches, log-probabilities and stop texts") {
  Model model = Model::load(golden / "arch/llama", {.threads = 1});
  const Tokenizer tokenizer = Tokenizer::load(golden / "arch/llama");
  const TokenHealing healing(tokenizer, {});
  const std::string text = "the small text of th";
  for (const double temperature : {0.0, 1.5}) {
    GenerateOptions options{.sampling = {.temperature = temperature, .seed = 3}, .max_tokens = 30, .lookup = 0};
    const Generation plain = healed(model, tokenizer, healing, options, text);
    CHECK(plain.ids.size() == 30);
    options.lookup = 5;
    CHECK(healed(model, tokenizer, healing, options, text).ids == plain.ids);
    options.logprobs = 2;
    const Generation with_logprobs = healed(model, tokenizer, healing, options, text);
    CHECK(with_logprobs.ids == plain.ids);
    REQUIRE(with_logprobs.logprobs.size() == plain.ids.size());
    CHECK(with_logprobs.logprobs[0].id == plain.ids[0]);
    Batch batch(model, &tokenizer, {.at_once = 2});
    for (int i = 0; i < 3; i++) {
      BatchText added{.prompt = prompt_ids(tokenizer, text), .options = options};
      added.options.taken_back = healing.take_back(added.prompt);
      batch.add(std::move(added));
    }
    batch.run([&](size_t, const BatchResult& result) {
      REQUIRE(result.generation);
      CHECK(result.generation->ids == plain.ids);
      CHECK(result.generation->text == plain.text);
    });
    // A stop text lies in what comes after the prompt; the tokens that write the prompt's end again stay.
    REQUIRE(plain.text.size() > 4);
    options.stop = {plain.text.substr(0, 2)};
    const Generation stopped = healed(model, tokenizer, healing, options, text);
    CHECK(stopped.text.empty());
    CHECK(stopped.finish_reason == FinishReason::Stop);
    CHECK(stopped.logprobs.size() == stopped.ids.size());
    Ids prompt = prompt_ids(tokenizer, text);
    const TakenBack taken = healing.take_back(prompt);
    CHECK(healing.rest_after(taken.bytes, stopped.ids).empty());
    CHECK(stopped.ids.size() <= taken.bytes.size());
  }
}

TEST_CASE("a form of the text and token healing do not go together") {
  const Tokenizer tokenizer = Tokenizer::load(golden / "arch/llama");
  const Constraint constraint(Grammar::regex("a*"), tokenizer, {});
  const TokenHealing healing(tokenizer, {});
  Ids prompt = prompt_ids(tokenizer, "the small text of th");
  GenerateOptions options{.constraint = &constraint};
  options.taken_back = healing.take_back(prompt);
  Noise noise(static_cast<size_t>(tokenizer.vocabulary_size()));
  const std::string error = test::error_of([&] { generate(noise, &tokenizer, prompt, options); });
  CHECK(error.find("token healing does not go with a form of the text") != std::string::npos);
}
