#include "tokenizer/precompiled.h"

#include <utf8proc.h>

#include "foretell/error.h"
#include "tokenizer/base64.h"
#include "tokenizer/charsmap.h"

namespace foretell::tokenization {
namespace {

// The end of the grapheme cluster (UAX 29) that begins at `begin`.
size_t cluster_end(std::string_view text, size_t begin) {
  size_t end = begin;
  auto last = static_cast<utf8proc_int32_t>(next_character(text, end));
  utf8proc_int32_t state = 0;
  while (end < text.size()) {
    size_t next = end;
    const auto c = static_cast<utf8proc_int32_t>(next_character(text, next));
    if (utf8proc_grapheme_break_stateful(last, c, &state)) break;
    last = c;
    end = next;
  }
  return end;
}

// Not what SentencePiece does, but what the reference does to agree with it on most text: a short grapheme cluster that
// begins with a string of the map becomes that string's replacement; longer clusters go by characters.
class Precompiled : public Normalizer {
 public:
  explicit Precompiled(Charsmap map) : map_(std::move(map)) {}

  Text normalize(const Piece& piece, bool with_origins) const override {
    constexpr size_t long_cluster = 6;
    Text text(with_origins);
    text.reserve(piece.text.size());
    for (size_t begin = 0; begin < piece.text.size();) {
      const size_t end = cluster_end(piece.text, begin);
      if (end - begin >= long_cluster || !replace(piece, begin, end, text)) {
        for (size_t at = begin; at < end;) {
          const size_t next = at + character_length(piece.text[at]);
          if (!replace(piece, at, next, text)) text.copy(piece, at, next);
          at = next;
        }
      }
      begin = end;
    }
    return text;
  }
  double growth() const override { return static_cast<double>(map_.longest_replacement() + 1); }

 private:
  bool replace(const Piece& piece, size_t begin, size_t end, Text& text) const {
    const auto found = map_.shortest(piece.text.substr(begin, end - begin));
    if (!found) return false;
    text.append(found->replacement, piece.origin(begin, end));
    return true;
  }

  Charsmap map_;
};

}  // namespace

Charsmap read_charsmap(const JsonNode& node) {
  const auto bytes = decode_base64(node.string());
  if (!bytes) {
    const size_t wrong = node.string().find_first_not_of(base64_digits);
    node.fail("not base64", {}, wrong < node.string().size() ? "\"" + std::string(1, node.string()[wrong]) + "\"" : "");
  }
  try {
    return Charsmap(*bytes);
  } catch (const Error& error) {
    throw error.with({.file = node.file().string(), .where = node.place()});
  }
}

std::unique_ptr<Normalizer> make_precompiled(const JsonNode& node) {
  const auto map = node.find("precompiled_charsmap");
  if (!map) return nullptr;  // SentencePiece models without rules
  return std::make_unique<Precompiled>(read_charsmap(*map));
}

}  // namespace foretell::tokenization
