// Models that look words up: WordLevel takes them whole, WordPiece (Schuster and Nakajima 2012) the longest beginnings.
#pragma once

#include "tokenizer/model.h"

namespace foretell::tokenization {

std::unique_ptr<Model> make_word_level(const JsonNode& node);
std::unique_ptr<Model> make_word_piece(const JsonNode& node);

}  // namespace foretell::tokenization
