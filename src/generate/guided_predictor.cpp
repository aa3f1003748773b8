#include "generate/guided_predictor.h"

#include <algorithm>
#include <cmath>

#include "generate/check_prompt.h"
#include "sampling/token_counts.h"

namespace foretell {

GuidedPredictor::GuidedPredictor(Model& model, Sequence& text, Sequence& other, std::vector<TokenId> negative,
                                 size_t prompt_length, double scale)
    : text_(model, text),
      other_(model, other),
      negative_(std::move(negative)),
      prompt_length_(static_cast<int64_t>(prompt_length)),
      scale_(scale) {
  check_prompt(other_.capacity(), negative_);
}

int64_t GuidedPredictor::capacity() const {
  return std::min(text_.capacity(), other_.capacity() - static_cast<int64_t>(negative_.size()) + prompt_length_);
}

void GuidedPredictor::truncate(int64_t length) {
  text_.truncate(length);
  // Before the prompt's end the negative prompt's last token is read again, too, as its logits are wanted.
  const int64_t beyond = length < prompt_length_ ? -1 : length - prompt_length_;
  other_.truncate(std::min(other_.length(), static_cast<int64_t>(negative_.size()) + beyond));
}

std::span<const float> GuidedPredictor::read(std::span<const TokenId> tokens, const std::function<bool()>& stop) {
  const int64_t start = text_.length();
  const std::span<const float> logits = text_.read(tokens, stop);
  if (logits.empty()) return {};
  logits_.assign(logits.begin(), logits.end());

  const auto known = std::min(negative_.size(), static_cast<size_t>(other_.length()));
  pending_.assign(negative_.begin() + static_cast<std::ptrdiff_t>(known), negative_.end());
  const auto skipped = static_cast<size_t>(std::max<int64_t>(0, prompt_length_ - start));
  for (size_t i = skipped; i < tokens.size(); i++) pending_.push_back(tokens[i]);
  const std::span<const float> others = other_.read(pending_, stop);
  if (others.empty()) return {};

  const double total = log_sum_exp(logits_), other_total = log_sum_exp(others);
  for (size_t i = 0; i < logits_.size(); i++) {
    const double own = logits_[i] - total, other = others[i] - other_total;
    if (std::isinf(own)) continue;
    logits_[i] = limit_logit(std::isinf(other) ? own : scale_ * (own - other) + other);
  }
  return logits_;
}

}  // namespace foretell
