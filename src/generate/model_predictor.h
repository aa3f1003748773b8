// A model and its sequence as the generation loop sees them.
#pragma once

#include <span>
#include <vector>

#include "foretell/generate.h"

namespace foretell {

class ModelPredictor : public Predictor {
 public:
  ModelPredictor(Model& model, Sequence& sequence) : model_(model), sequence_(sequence) {}
  int64_t length() const override { return sequence_.length(); }
  int64_t capacity() const override { return sequence_.capacity(); }
  void truncate(int64_t length) override { sequence_.truncate(length); }
  std::span<const float> read(std::span<const TokenId> tokens, const std::function<bool()>& stop) override;

 private:
  Model& model_;
  Sequence& sequence_;
  std::vector<float> logits_;  // [vocabulary], after several tokens
};

// Throws Error where the prompt is empty or longer than the context.
void check_prompt(const Predictor& predictor, std::span<const TokenId> prompt);

}  // namespace foretell
