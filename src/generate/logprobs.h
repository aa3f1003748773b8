// Log-probabilities of the model's own distribution.
#pragma once

#include <span>

#include "foretell/generate.h"

namespace foretell {

// The `count` best, best first; lower ids first among equals.
std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, size_t count);

ChosenLogprob logprobs_of(std::span<const float> logits, TokenId id, size_t count);

}  // namespace foretell
