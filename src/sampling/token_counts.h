// How often each token is in the window of the history that the penalties look at.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "foretell/sampling.h"

namespace foretell {

class TokenCounts {
 public:
  explicit TokenCounts(int64_t last_n) : last_n_(last_n) {}

  struct Entry {
    TokenId id;
    int64_t count;
  };
  // The tokens of the window, each once, in the order in which they first come there. Ids outside of the vocabulary,
  // which an embedding larger than the unembedding can have, are left out.
  std::span<const Entry> count(std::span<const TokenId> history, size_t vocabulary_size);

 private:
  const int64_t last_n_;       // -1: the whole history
  std::vector<size_t> place_;  // [vocabulary] where in entries_ a token is, plus 1; all 0 between the calls
  std::vector<Entry> entries_;
};

// A logit after a penalty; an overflow stays finite so that every candidate keeps a probability.
float limit_logit(double logit);

}  // namespace foretell
