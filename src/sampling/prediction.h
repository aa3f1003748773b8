// predict() where only some tokens may come.
#pragma once

#include "foretell/sampling.h"

namespace foretell {

// `allowed`: as Candidates::assign takes it; what it leaves is the first stage, which has that name. Empty: all, and no
// stage.
Prediction predict_allowed(std::span<const float> logits, std::span<const TokenId> history,
                           const SamplingOptions& options, size_t top, std::span<const uint64_t> allowed,
                           std::string_view stage);

}  // namespace foretell
