// How well a model foresees a text: the log-probability of each token after those before it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "foretell/generate.h"

namespace foretell {

struct ScoringOptions {
  // Longer texts are read in windows of so many tokens, each beginning `stride` tokens after the one before; a token
  // is scored in the first window that reaches it, so it sees at least window - stride tokens before it
  // (https://huggingface.co/docs/transformers/perplexity). With stride = window each window's first token goes without.
  int64_t window = 0;  // 0: the model's context
  int64_t stride = 0;  // at most the window; 0: half of it
  // For how many of the least expected tokens the likeliest ones are kept, and how many of these.
  size_t surprises = 0, alternatives = 0;
  std::function<bool()> interrupted = {};  // asked now and then; where it says true, no more is read
  std::function<void(size_t done, size_t total)> progress = {};
};

struct ScoredText {
  // For each token; NaN and 0 where there was nothing before it to foresee it by.
  std::vector<double> logprobs;  // natural logarithms
  std::vector<int64_t> ranks;    // 1: no token was more probable
  int64_t scored = 0;            // tokens that were
  int64_t windows = 0;
  double total = 0;  // of the log-probabilities

  struct Surprise {
    size_t index = 0;               // of the token
    std::vector<TokenLogprob> top;  // what was more likely, best first
  };
  std::vector<Surprise> surprises;  // the least expected tokens, in the order of the text

  double mean_nll() const { return scored > 0 ? -total / static_cast<double>(scored) : 0; }
};

// Memory: a window's keys and values, and two numbers for each token. Throws Error for ids outside of the vocabulary.
ScoredText score_text(Model& model, std::span<const TokenId> ids, const ScoringOptions& options);

// Scores endings of texts one after the other; what two texts begin with in common is read once.
class EndingScorer {
 public:
  EndingScorer(Model& model, int64_t capacity) : model_(model), sequence_(model, capacity) {}

  // The sum of the log-probabilities of `ending` behind `beginning`, which has at least one token. Where both are
  // longer than the context, the first tokens are left out.
  double logprob(std::span<const TokenId> beginning, std::span<const TokenId> ending);

 private:
  Model& model_;
  Sequence sequence_;
  std::vector<TokenId> read_;  // what the sequence holds
};

}  // namespace foretell
