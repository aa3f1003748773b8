// Normalizers that look at one character at a time: Lowercase, Strip, StripAccents, Nmt, ByteLevel, BertNormalizer.
#pragma once

#include "tokenizer/normalizer.h"

namespace foretell::tokenization {

// Null where `name` is none of them. Throws Error.
std::unique_ptr<Normalizer> make_character_normalizer(const JsonNode& node, std::string_view name);

}  // namespace foretell::tokenization
