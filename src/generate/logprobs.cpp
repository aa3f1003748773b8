#include "generate/logprobs.h"

#include "sampling/selection.h"

namespace foretell {

ChosenLogprob logprobs_of(std::span<const float> logits, TokenId id, size_t count) {
  const double total = log_sum_exp(logits);
  const auto logprob = [&](TokenId i) { return logits[static_cast<size_t>(i)] - total; };
  ChosenLogprob chosen;
  chosen.id = id;
  chosen.logprob = logprob(id);
  for (const TokenId best : most_probable(logits, count)) chosen.top.push_back({best, logprob(best)});
  return chosen;
}

}  // namespace foretell
