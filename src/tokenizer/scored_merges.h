// Merges of tokenizers that have no list of them, but a score for each token: of all neighbours that form a token,
// those that form the one with the best score are joined first, and of several such the first in the text.
// SentencePiece's BPE is of this kind, and tiktoken's, where the lowest id is the best.
#pragma once

#include "tokenizer/json_node.h"
#include "tokenizer/merge_table.h"
#include "tokenizer/vocabulary.h"

namespace foretell::tokenization {

// `scores`: by id, null for tokens that are neither formed nor parts of others unless they are single characters.
// Throws Error.
MergeTable merges_of_scores(const JsonNode& scores, const Vocabulary& vocabulary);

}  // namespace foretell::tokenization
