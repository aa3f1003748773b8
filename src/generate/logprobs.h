// Log-probabilities of the model's own distribution.
#pragma once

#include <span>

#include "foretell/generate.h"

namespace foretell {

// Of a chosen token and of the `count` best.
ChosenLogprob logprobs_of(std::span<const float> logits, TokenId id, size_t count);

}  // namespace foretell
