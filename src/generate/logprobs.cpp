#include "generate/logprobs.h"

#include <algorithm>
#include <numeric>

namespace foretell {

std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, size_t count) {
  count = std::min(count, logits.size());
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto before = [logits](TokenId a, TokenId b) {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(), before);
  const double total = log_sum_exp(logits);
  std::vector<TokenLogprob> top(count);
  for (size_t i = 0; i < count; i++) top[i] = {ids[i], logits[static_cast<size_t>(ids[i])] - total};
  return top;
}

ChosenLogprob logprobs_of(std::span<const float> logits, TokenId id, size_t count) {
  ChosenLogprob chosen;
  chosen.id = id;
  chosen.logprob = logits[static_cast<size_t>(id)] - log_sum_exp(logits);
  chosen.top = top_logprobs(logits, count);
  return chosen;
}

}  // namespace foretell
