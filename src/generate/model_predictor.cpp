#include "generate/model_predictor.h"

#include <string>

namespace foretell {

std::span<const float> ModelPredictor::read(std::span<const TokenId> tokens, const std::function<bool()>& stop) {
  if (tokens.size() == 1) return model_.next_logits(sequence_, tokens);
  const Span span{&sequence_, tokens, Span::Logits::Last};
  logits_.clear();
  const auto keep = [this](size_t, size_t, std::span<const float> logits) {
    logits_.assign(logits.begin(), logits.end());
  };
  model_.step({&span, 1}, keep, stop);
  return logits_;
}

void check_prompt(const Predictor& predictor, std::span<const TokenId> prompt) {
  if (prompt.empty()) throw Error({.what = "the prompt has no tokens", .expected = "at least one"});
  const auto length = static_cast<int64_t>(prompt.size());
  if (length <= predictor.capacity()) return;
  throw Error({.what = "the prompt is longer than the context",
               .expected = "at most " + std::to_string(predictor.capacity()) + " tokens",
               .found = std::to_string(length),
               .hint = "-c/--context sets a larger context, where the model has one; else shorten the prompt"});
}

}  // namespace foretell
