// The text that a model's matrices are calibrated on.
#pragma once

#include <cstdint>
#include <vector>

#include "foretell/token_id.h"

namespace foretell {

// A text as token ids, read in sequences of at most `sequence_tokens`, each of which begins with `prefix` (what the
// tokenizer puts before every text).
struct CalibrationText {
  std::vector<TokenId> prefix = {}, ids = {};
  static constexpr int64_t sequence_tokens = 512;
};

}  // namespace foretell
