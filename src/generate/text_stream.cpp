#include "generate/text_stream.h"

#include <algorithm>

namespace foretell {

TextStream::TextStream(const Tokenizer* tokenizer, std::span<const TokenId> prompt, const GenerateOptions& options,
                       const OnText& on_text)
    : stops_(options.stop), on_text_(on_text) {
  constexpr int64_t most_reserved = 4096;  // tokens; nothing is allocated for each of these
  const auto tokens = static_cast<size_t>(std::min(options.max_tokens, most_reserved));
  starts_.reserve(tokens);
  text_.reserve(tokens * 8);  // bytes: more than most tokens have
  if (!tokenizer) return;
  decoder_.emplace(*tokenizer);
  // The decoder needs to know what the answer follows on: some vocabularies leave out the blank at the start of a text.
  constexpr size_t enough = 16;
  for (const TokenId id : prompt.last(std::min(prompt.size(), enough))) (void)decoder_->push(id);
}

bool TextStream::push(TokenId id) {
  starts_.push_back(decoded_);
  piece_.clear();
  if (decoder_) decoder_->push(id, piece_);
  decode(piece_);
  return !stops_.found();
}

void TextStream::finish() {
  if (decoder_) decode(decoder_->finish());
  give(stops_.finish());
}

size_t TextStream::ids_in_text() const {
  size_t count = starts_.size();
  if (stops_.found()) {
    while (count > 0 && starts_[count - 1] >= text_.size()) count--;
  }
  return count;
}

void TextStream::decode(std::string_view piece) {
  decoded_ += piece.size();
  give(stops_.push(piece));
}

void TextStream::give(std::string_view piece) {
  if (piece.empty()) return;
  text_ += piece;
  if (on_text_) on_text_(piece);
}

}  // namespace foretell
