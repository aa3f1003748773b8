#include "foretell/generate.h"

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

void ModelPredictor::read_each(std::span<const TokenId> tokens, std::span<std::span<const float>> logits) {
  const Span span{&sequence_, tokens, Span::Logits::All};
  model_.step({&span, 1}, [logits](size_t, size_t token, std::span<const float> l) { logits[token] = l; });
}

}  // namespace foretell
