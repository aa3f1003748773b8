#include "generate/text_stream.h"

#include <algorithm>

#include "tokenizer/utf8.h"

namespace foretell {
namespace {

size_t push_all(StreamDecoder& decoder, std::span<const TokenId> ids) {
  size_t given = 0;
  for (const TokenId id : ids) given += decoder.push(id).size();
  return given;
}

// What ends a text and can be told only when more has come: without characters that are not whole.
size_t held_by(StreamDecoder& decoder) {
  constexpr std::string_view broken = "\ufffd";
  std::string held = decoder.finish();
  while (held.ends_with(broken)) held.resize(held.size() - broken.size());
  return held.size();
}

}  // namespace

TextStream::TextStream(const Tokenizer* tokenizer, std::span<const TokenId> prompt, const GenerateOptions& options,
                       const OnText& on_text)
    : stops_(options.stop), on_text_(on_text) {
  constexpr int64_t most_reserved = 4096;  // tokens; nothing is allocated for each of these
  const auto tokens = static_cast<size_t>(std::min(options.max_tokens, most_reserved));
  starts_.reserve(tokens);
  text_.reserve(tokens * 8);  // bytes: more than most tokens have
  if (!tokenizer) return;
  // The decoder needs to know what the answer follows on: some vocabularies leave out the blank at the start of a text.
  constexpr size_t enough = 16;
  const std::span<const TokenId> end = prompt.last(std::min(prompt.size(), enough));
  decoder_.emplace(*tokenizer);
  StreamDecoder whole_prompt(*tokenizer);
  const size_t given = push_all(*decoder_, end);
  written_again_ = push_all(whole_prompt, end) + push_all(whole_prompt, options.taken_back.ids);
  written_again_ += held_by(whole_prompt) - given;
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
    while (count > 0 && starts_[count - 1] >= written_again_ + text_.size()) count--;
  }
  return count;
}

void TextStream::decode(std::string_view piece) {
  size_t known = std::min(piece.size(), written_again_ - std::min(written_again_, decoded_));
  // Bytes that made a character may come to make none, and U+FFFD is longer.
  while (known > 0 && known < piece.size() && tokenization::is_continuation(piece[known])) known++;
  decoded_ += piece.size();
  give(stops_.push(piece.substr(known)));
}

void TextStream::give(std::string_view piece) {
  if (piece.empty()) return;
  text_ += piece;
  if (on_text_) on_text_(piece);
}

}  // namespace foretell
