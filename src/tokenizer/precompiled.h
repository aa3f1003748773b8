// The Precompiled normalizer, and its table.
#pragma once

#include "tokenizer/charsmap.h"
#include "tokenizer/normalizer.h"

namespace foretell::tokenization {

// A string in base64. Throws Error.
Charsmap read_charsmap(const JsonNode& node);

// Throws Error.
std::unique_ptr<Normalizer> make_precompiled(const JsonNode& node);

}  // namespace foretell::tokenization
