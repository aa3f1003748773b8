// Contrastive search: Su et al., "A Contrastive Framework for Neural Text Generation" (arXiv:2202.06417), as
// transformers 4.49's generate(penalty_alpha=, top_k=). A token that would turn the model's hidden state to where it
// has been before is avoided: repetition, without a look at the tokens themselves. The hidden state is the last one, as
// the unembedding reads it. Of equal candidates the more probable one is taken, then the lower id; where only one may
// come, it comes.
#pragma once

#include "foretell/generate.h"

namespace foretell {

// As generate() with options.contrastive, which must be there. The sequence is read anew from its beginning, as the
// hidden states of all tokens are wanted.
Generation search_contrastively(Model& model, const Tokenizer* tokenizer, Sequence& sequence,
                                std::span<const TokenId> prompt, const GenerateOptions& options, const OnText& on_text);

}  // namespace foretell
