// How undecided the candidates' distribution is.
#pragma once

#include "base/exact_math.h"
#include "foretell/sampling.h"

namespace foretell {

// -sum p log p, in nats. `weights` are those of the candidates.
inline double entropy_nats(const Candidates& candidates, const Candidates::Weights& weights) {
  const std::span<const float> logits = candidates.logits();
  const double best = candidates.best_logit();
  double sum = 0;  // of w (best - logit): log p = logit - best - log(total)
  for (size_t i = 0; i < logits.size(); i++) {
    if (weights.values[i] > 0) sum += weights.values[i] * (best - static_cast<double>(logits[i]));
  }
  return exact_log(weights.total) + sum / weights.total;
}

}  // namespace foretell
