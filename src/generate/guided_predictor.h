// Classifier-free guidance: Sanchez et al., "Stay on topic with classifier-free guidance" (2023), as transformers'
// UnbatchedClassifierFreeGuidanceLogitsProcessor. The model reads the text twice, after its prompt and after a negative
// one, and the logits become s (log p - log q) + log q: further from the negative prompt's prediction for s > 1.
// Edge cases: what the prompt's prediction excludes stays out; what only the negative one's excludes keeps log p.
#pragma once

#include <vector>

#include "foretell/generate.h"

namespace foretell {

class GuidedPredictor : public Predictor {
 public:
  // The model and the sequences, both empty, must outlive it. `negative`: at least one token. `prompt_length`: the
  // tokens of the text before those that both sequences read. Throws Error where the negative prompt does not fit.
  GuidedPredictor(Model& model, Sequence& text, Sequence& other, std::vector<TokenId> negative, size_t prompt_length,
                  double scale);

  int64_t length() const override { return text_.length(); }
  int64_t capacity() const override;
  void truncate(int64_t length) override;
  std::span<const float> read(std::span<const TokenId> tokens, const std::function<bool()>& stop) override;

 private:
  ModelPredictor text_, other_;
  const std::vector<TokenId> negative_;
  const int64_t prompt_length_;
  const double scale_;
  std::vector<float> logits_;     // [vocabulary]
  std::vector<TokenId> pending_;  // what `other` reads next
};

}  // namespace foretell
