// The steps that a decoder may have.
#pragma once

#include "tokenizer/decoder.h"

namespace foretell::tokenization {

// Throws Error at an unknown type.
std::unique_ptr<DecoderStep> make_decoder_step(const JsonNode& node);

}  // namespace foretell::tokenization
