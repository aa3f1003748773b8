#include "tokenizer/word_model.h"

#include "foretell/error.h"

namespace foretell::tokenization {

void WordModel::tokenize(const Piece& piece, ModelWorkspace& workspace, TokenSink& sink) const {
  constexpr size_t longest_piece = size_t{1} << 31;
  auto& work = static_cast<WordWorkspace&>(workspace);
  const std::string_view text = piece.text;
  if (text.size() >= longest_piece) throw Error({.what = "the text has a piece of more than 2 GiB without a border"});
  const bool short_text = text.size() <= WordCache::longest_word;
  const uint64_t hash = short_text ? hash_bytes(text) : 0;
  const std::span<const Symbol>* found = short_text ? work.cache.find(text, hash) : nullptr;
  std::span<const Symbol> symbols;
  if (found) {
    symbols = *found;
  } else {
    work.symbols.clear();
    encode(text, work);
    if (short_text) work.cache.insert(text, hash, work.symbols);
    symbols = work.symbols;
  }
  size_t at = 0;
  for (const Symbol& symbol : symbols) {
    sink.add(symbol.id, piece, at, at + symbol.length);
    at += symbol.length;
  }
}

}  // namespace foretell::tokenization
