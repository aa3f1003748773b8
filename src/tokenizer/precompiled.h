// The Precompiled normalizer.
#pragma once

#include "tokenizer/normalizer.h"

namespace foretell::tokenization {

// Throws Error.
std::unique_ptr<Normalizer> make_precompiled(const JsonNode& node);

}  // namespace foretell::tokenization
