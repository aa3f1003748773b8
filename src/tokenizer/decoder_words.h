// Decoder steps that put blanks back between words: Metaspace, WordPiece, BPEDecoder, CTC.
#pragma once

#include "tokenizer/decoder.h"

namespace foretell::tokenization {

// Null where `name` is none of them. Throws Error.
std::unique_ptr<DecoderStep> make_word_decoder_step(const JsonNode& node, std::string_view name);

}  // namespace foretell::tokenization
