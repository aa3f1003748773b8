#include "sampling/prediction.h"

#include <numbers>

#include "base/exact_math.h"
#include "foretell/sampling.h"
#include "sampling/entropy.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

std::vector<DrawShare> large_shares(const Candidates& candidates, const Candidates::Weights& weights) {
  constexpr double least = 1.0 / 256;
  std::vector<DrawShare> shares;
  double from = 0;
  for (size_t i = 0; i < candidates.size(); i++) {
    const double probability = weights.probability(i);
    if (probability >= least) shares.push_back({candidates.id(i), from, from + probability});
    from += probability;
  }
  return shares;
}

}  // namespace

Prediction predict(std::span<const float> logits, std::span<const TokenId> history, const SamplingOptions& options,
                   size_t top) {
  return predict_allowed(logits, history, options, top, {}, {});
}

Prediction predict_allowed(std::span<const float> logits, std::span<const TokenId> history,
                           const SamplingOptions& options, size_t top, std::span<const uint64_t> allowed,
                           std::string_view first_stage) {
  SamplerChain chain(options);
  Prediction prediction;
  const auto observe = [&](std::string_view stage, const Candidates& candidates) {
    if (stage == "logits") {
      if (allowed.empty()) return;
      stage = first_stage;
    }
    const auto index = static_cast<int>(prediction.stages.size());
    prediction.stages.push_back({std::string(stage), candidates.size()});
    for (PredictedToken& token : prediction.tokens) {
      if (token.cut_by < 0 && token.probability > 0 && !candidates.find(token.id)) token.cut_by = index;
    }
  };

  Candidates all;
  all.assign(logits);
  prediction.candidates = all.size();
  const Candidates::Weights own = all.weights();
  prediction.entropy_bits = entropy_nats(all, own) / std::numbers::ln2;
  const double log_total = all.best_logit() + exact_log(own.total);
  for (const TokenId id : most_probable(logits, top)) {
    PredictedToken token;
    token.id = id;
    token.logit = logits[static_cast<size_t>(id)];
    token.logprob = token.logit - log_total;
    if (const auto place = all.find(id)) token.probability = own.probability(*place);
    prediction.tokens.push_back(token);
  }

  Candidates& left = chain.apply(logits, history, history.size(), observe, allowed);
  const Candidates::Weights final = left.weights();
  for (PredictedToken& token : prediction.tokens) {
    if (const auto place = left.find(token.id)) token.final_probability = final.probability(*place);
  }
  if (options.seed) {
    prediction.shares = large_shares(left, final);
    prediction.draw = chain.draw();
  }
  return prediction;
}

}  // namespace foretell
