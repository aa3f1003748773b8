// Words as vectors, for `near`, `analogy` and `direction`.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "cli/context.h"
#include "cli/text_source.h"
#include "model/token_vectors.h"

namespace foretell::cli {

// A word as the vocabulary has it.
struct Word {
  std::string text;          // as it was given; empty where ids were
  std::vector<TokenId> ids;  // more than one where no token is the whole word
};

// The word with a space before it where that is one token, or else bare, or as the vocabulary spells it ("Ġking");
// where none of these is a token, the shorter of the first two as several tokens. A text that begins with a space is
// taken as it is. Throws UsageError where there is no text.
Word look_up(const Tokenizer& tokenizer, const std::string& text);

// "king - man + woman": the words, and whether they are added (1) or taken off (-1).
struct Term {
  double sign = 1;
  std::string text;
};
// From separate arguments ("king", "-", "man"...) or one with blanks around the signs; a word may hold blanks of its
// own
// ("New York - USA"). One argument without such signs is taken apart at every + and -. Throws UsageError where a word
// or a sign is missing.
std::vector<Term> parse_expression(const std::vector<std::string>& arguments);

struct WordOptions {
  std::vector<std::string> words;
  TokenVectors::Space space = TokenVectors::Space::Embedding;
};
void add_word_options(CLI::App& command, WordOptions& options, const std::string& help);  // WORD... and --space

// The model's vectors and the tokenizer that names them.
class WordVectors {
 public:
  // `ids_only`: a model without a tokenizer will do.
  WordVectors(const Context& context, TokenVectors::Space space, bool ids_only = false);

  Word find(const std::string& text) const { return look_up(*source_.tokenizer(), text); }
  const Tokenizer* tokenizer() const { return source_.tokenizer(); }
  const TokenVectors& vectors() const { return vectors_; }
  // The mean of its tokens' vectors.
  std::vector<double> vector(const Word& word) const;
  // The sum of the terms' vectors, each scaled to length 1. Throws Error where nothing is left of them.
  std::vector<double> sum(const std::vector<std::pair<double, Word>>& terms) const;
  std::vector<double> cosines(std::span<const double> vector) { return vectors_.cosines(vector, pool_); }

  // "␣king 5867"; "␣un 4 + bel 5, their mean"
  std::string describe(const Word& word) const;
  nlohmann::ordered_json json(const Word& word) const;
  std::string label(TokenId id, int width) const;

 private:
  TextSource source_;
  TokenVectors vectors_;
  ThreadPool pool_;
};

}  // namespace foretell::cli
