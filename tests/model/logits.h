// What tests ask of logits, beside log_sum_exp (foretell/sampling.h).
#pragma once

#include <algorithm>
#include <span>

#include "foretell/model.h"

namespace foretell::test {

// The most probable token.
inline TokenId best(std::span<const float> logits) {
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace foretell::test
