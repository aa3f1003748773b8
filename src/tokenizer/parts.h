// Long texts in parts, on several threads.
#pragma once

#include <vector>

#include "tokenizer/model.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/workspaces.h"

namespace foretell::tokenization {

// Appends the tokens of a piece that `steps` can split in parts (has_parts) of some `part_bytes`; they are those of the
// piece as a whole. Throws what the model throws.
//
// Each part begins somewhere in the text, where perhaps no piece begins, but a few pieces later it mostly meets a match
// that ends where one ends in the whole. From there on all is as in the whole, and the part before goes on to there.
// Token: a TokenId, or a TokenSpan.
template <typename Token>
void encode_in_parts(const PreTokenizer& steps, const Model& model, Workspaces& workspaces, const Piece& piece,
                     size_t part_bytes, std::vector<Token>& tokens);

}  // namespace foretell::tokenization
