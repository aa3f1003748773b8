#include "cli/word_vectors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/options.h"
#include "cli/token_text.h"

namespace foretell::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool is_sign(std::string_view text) { return text == "+" || text == "-"; }

class ExpressionReader {
 public:
  void sign(char c) {
    finish();
    sign_ = c;
  }
  // Words that no sign parts belong together.
  void word(std::string_view text) {
    if (!word_.empty()) word_ += " ";
    word_ += text;
  }
  std::vector<Term> take() {
    finish();
    return std::move(terms_);
  }

 private:
  // A sign before the first word may be left out.
  void finish() {
    if (word_.empty() && sign_ == 0 && terms_.empty()) return;
    if (word_.empty())
      throw UsageError({.what = "the expression is not complete",
                        .expected = std::string("a word after ") + sign_,
                        .hint = "for example: king - man + woman"});
    terms_.push_back({sign_ == '-' ? -1.0 : 1.0, std::move(word_)});
    word_.clear();
    sign_ = 0;
  }

  std::vector<Term> terms_;
  char sign_ = 0;  // before the word in hand; 0: none yet
  std::string word_;
};

}  // namespace

Word look_up(const Tokenizer& tokenizer, const std::string& text) {
  if (text.empty()) throw UsageError({.what = "a word is empty", .expected = "at least one character"});
  const auto encode = [&](const std::string& t) { return tokenizer.encode(t, {.add_special = false}); };
  std::vector<TokenId> bare = encode(text);
  if (text.front() == ' ') return {text, bare};
  std::vector<TokenId> spaced = encode(" " + text);
  if (spaced.size() == 1) return {text, spaced};
  if (bare.size() == 1) return {text, bare};
  if (const auto id = tokenizer.find(text)) return {text, {*id}};
  return {text, !spaced.empty() && spaced.size() <= bare.size() ? spaced : bare};
}

std::vector<Term> parse_expression(const std::vector<std::string>& arguments) {
  if (arguments.empty())
    throw UsageError({.what = "no words were given",
                      .expected = "words with + and - between them",
                      .hint = "for example: king - man + woman"});
  ExpressionReader reader;
  const auto has_signs = [](const std::string& text) {
    return text.find(" + ") != std::string::npos || text.find(" - ") != std::string::npos;
  };
  if (arguments.size() == 1 && !has_signs(arguments[0])) {
    const std::string& text = arguments[0];
    for (size_t at = 0; at <= text.size();) {
      const size_t end = std::min(text.find_first_of("+-", at), text.size());
      if (const auto word = trimmed(std::string_view(text).substr(at, end - at)); !word.empty()) reader.word(word);
      if (end < text.size()) reader.sign(text[end]);
      at = end + 1;
    }
    return reader.take();
  }
  for (const std::string& argument : arguments) {
    if (is_sign(argument)) {
      reader.sign(argument[0]);
    } else if (!has_signs(argument)) {
      reader.word(argument);
    } else {
      for (const std::string& word : CLI::detail::split(argument, ' ')) {
        if (is_sign(word)) {
          reader.sign(word[0]);
        } else if (!word.empty()) {
          reader.word(word);
        }
      }
    }
  }
  return reader.take();
}

void add_word_options(CLI::App& command, WordOptions& options, const std::string& help) {
  command
      .add_option(
          "word",
          [&options](const CLI::results_t& values) {
            options.words = values;
            for (std::string& word : options.words)
              if (word.ends_with("] ")) word.pop_back();  // main.cpp's
            return true;
          },
          help)
      ->type_name("WORD")
      ->type_size(1)
      ->expected(CLI::detail::expected_max_vector_size)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_choice<TokenVectors::Space>(
      command, "--space", options.space,
      {{"embedding", TokenVectors::Space::Embedding}, {"unembedding", TokenVectors::Space::Unembedding}},
      "Whose rows to compare: what tokens become when they are read, or what their logits are made with")
      ->group("Input");
}

WordVectors::WordVectors(const Context& context, TokenVectors::Space space, bool ids_only)
    : source_(context, ids_only),
      vectors_(source_.path(), space),
      pool_(static_cast<int>(context.options.threads.value_or(available_cores()))) {}

std::vector<double> WordVectors::vector(const Word& word) const {
  std::vector<double> mean(static_cast<size_t>(vectors_.size()));
  for (const TokenId id : word.ids) {
    const std::vector<float> one = vectors_.at(id);
    for (size_t i = 0; i < mean.size(); i++) mean[i] += one[i] / static_cast<double>(word.ids.size());
  }
  return mean;
}

std::vector<double> WordVectors::sum(const std::vector<std::pair<double, Word>>& terms) const {
  std::vector<double> sum(static_cast<size_t>(vectors_.size()));
  for (const auto& [sign, word] : terms) {
    const std::vector<double> term = vector(word);
    const double size = length(term);
    if (size == 0) continue;
    for (size_t i = 0; i < sum.size(); i++) sum[i] += sign * term[i] / size;
  }
  constexpr double nothing = 1e-9;  // roundings
  if (length(sum) < nothing)
    throw UsageError({.what = "nothing is left of the words", .expected = "words whose vectors do not cancel out"});
  return sum;
}

std::string WordVectors::label(TokenId id, int width) const {
  return tokenizer() ? shown_token(tokenizer()->token_bytes(id), width) : "#" + std::to_string(id);
}

std::string WordVectors::describe(const Word& word) const {
  constexpr size_t most = 8;
  std::string text;
  for (size_t i = 0; i < std::min(most, word.ids.size()); i++)
    text += (i > 0 ? " + " : "") + label(word.ids[i], 24) + " " + std::to_string(word.ids[i]);
  if (word.ids.size() > most) text += " + …";
  return word.ids.size() > 1 ? text + ": the mean of " + std::to_string(word.ids.size()) + " tokens" : text;
}

nlohmann::ordered_json WordVectors::json(const Word& word) const {
  nlohmann::ordered_json tokens = nlohmann::ordered_json::array();
  for (const TokenId id : word.ids) tokens.push_back(tokenizer() ? tokenizer()->token_bytes(id) : std::string());
  return {{"word", word.text}, {"ids", word.ids}, {"tokens", tokens}};
}

}  // namespace foretell::cli
