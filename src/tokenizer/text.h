// Text on its way through the tokenizer, with the way back to the input.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tokenizer/utf8.h"

namespace foretell::tokenization {

// The bytes [start, end) of the input that a byte of some text comes from. All bytes of a character have the same.
struct Origin {
  size_t start = 0;
  size_t end = 0;
};

// A part of a text. Does not own its bytes.
struct Piece {
  std::string_view text;
  // One for each byte of `text`; null where the text is the input itself (from `start` on), or nobody asked for
  // origins.
  const Origin* origins = nullptr;
  size_t start = 0;

  bool empty() const { return text.empty(); }

  Piece slice(size_t begin, size_t end) const {
    return {text.substr(begin, end - begin), origins ? origins + begin : nullptr, start + begin};
  }

  // Where the bytes [begin, end) come from, to whole characters.
  Origin origin(size_t begin, size_t end) const {
    if (origins) {
      if (begin < end) return {origins[begin].start, origins[end - 1].end};
      const size_t at = begin < text.size() ? origins[begin].start : text.empty() ? start : origins[begin - 1].end;
      return {at, at};
    }
    while (begin > 0 && begin < text.size() && is_continuation(text[begin])) --begin;
    while (end < text.size() && is_continuation(text[end])) ++end;
    return {start + begin, start + end};
  }
};

// A text that some step wrote. Origins are kept only where they are asked for.
class Text {
 public:
  explicit Text(bool with_origins) : with_origins_(with_origins) {}

  void append(std::string_view bytes, Origin origin) {
    bytes_ += bytes;
    if (with_origins_) origins_.resize(bytes_.size(), origin);
  }
  void append(char32_t c, Origin origin) {
    append_utf8(bytes_, c);
    if (with_origins_) origins_.resize(bytes_.size(), origin);
  }
  // Copies the bytes [begin, end) of a piece; both are borders of characters.
  void copy(const Piece& piece, size_t begin, size_t end) {
    bytes_ += piece.text.substr(begin, end - begin);
    if (!with_origins_) return;
    origins_.reserve(bytes_.size());
    for (size_t i = begin; i < end; ++i) origins_.push_back(piece.origin(i, i + 1));
  }
  void reserve(size_t size) { bytes_.reserve(size); }
  // Only the first `size` bytes stay.
  void truncate(size_t size) {
    bytes_.resize(size);
    if (with_origins_) origins_.resize(size);
  }

  bool with_origins() const { return with_origins_; }
  Piece piece() const { return {bytes_, with_origins_ ? origins_.data() : nullptr, 0}; }

 private:
  bool with_origins_;
  std::string bytes_;
  std::vector<Origin> origins_;
};

// A reference to something that can be called; it must not outlive what it was made from.
template <typename Signature>
class FunctionRef;
template <typename Result, typename... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  template <typename Callable>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef>)
      FunctionRef(Callable&& callable)  // NOLINT: implicit, as function references are
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Arguments... arguments) -> Result {
          return (*static_cast<std::add_pointer_t<Callable>>(object))(std::forward<Arguments>(arguments)...);
        }) {}
  Result operator()(Arguments... arguments) const { return call_(object_, std::forward<Arguments>(arguments)...); }

 private:
  void* object_;
  Result (*call_)(void*, Arguments...);
};

using PieceSink = FunctionRef<void(const Piece&)>;

}  // namespace foretell::tokenization
