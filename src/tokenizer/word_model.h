// A model that remembers what pieces became.
#pragma once

#include "tokenizer/model.h"
#include "tokenizer/word_cache.h"

namespace foretell::tokenization {

struct WordWorkspace : ModelWorkspace {
  WordCache cache;
  std::vector<Symbol> symbols;  // of the piece at work, and in the end its tokens
};

class WordModel : public Model {
 public:
  void tokenize(const Piece& piece, ModelWorkspace& workspace, TokenSink& sink) const final;

 protected:
  // Puts the tokens of `text` into work.symbols.
  virtual void encode(std::string_view text, WordWorkspace& work) const = 0;
};

}  // namespace foretell::tokenization
