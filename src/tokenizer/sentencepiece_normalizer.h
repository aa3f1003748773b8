// SentencePiece's own normalization (normalizer.cc), which no step of a tokenizer.json does exactly: replacements by
// the longest string, blanks joined and put before or behind the text, and "user defined" pieces left as they are.
#pragma once

#include "tokenizer/normalizer.h"

namespace foretell::tokenization {

// {"type": "SentencePiece", "precompiled_charsmap", "add_dummy_prefix", ...}: written by sentencepiece_folder.cpp
// alone. Throws Error.
std::unique_ptr<Normalizer> make_sentencepiece_normalizer(const JsonNode& node);

}  // namespace foretell::tokenization
