#include "tokenizer/unicode_normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

namespace foretell::tokenization {
namespace {

// A character that neither changes nor meets its left neighbour in any form: the text can be cut before it.
bool begins_segment(char32_t c) {
  // Below U+0300 nothing combines with what stands before it.
  if (c < 0x300) return true;
  const utf8proc_property_t* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
  if (property->combining_class != 0) return false;
  // Hangul vowels and final consonants join the syllable before them; other starters that do have a place in utf8proc's
  // table of pairs.
  if (c >= 0x1160 && c <= 0x11ff) return false;
  return property->comb_index == UINT16_MAX;
}

int combining_class(utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; }

// Appends the decomposition of a character. No character has more than 18 parts.
void decompose(char32_t c, utf8proc_option_t options, std::vector<utf8proc_int32_t>& out) {
  const size_t size = out.size();
  out.resize(size + 32);
  int boundary = 0;
  const auto count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), out.data() + size, 32, options, &boundary);
  out.resize(size + static_cast<size_t>(std::max<utf8proc_ssize_t>(count, 0)));
}

// Marks in a row in the order of their classes. utf8proc's own way takes time by the square of the row's length.
void order_marks(std::vector<utf8proc_int32_t>& characters) {
  for (auto begin = characters.begin(); begin != characters.end();) {
    if (combining_class(*begin) == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, characters.end(), [](utf8proc_int32_t c) { return combining_class(c) == 0; });
    std::stable_sort(begin, end,
                     [](utf8proc_int32_t a, utf8proc_int32_t b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
}

}  // namespace

Text UnicodeNormalizer::normalize(const Piece& piece, bool with_origins) const {
  const bool compatibility = form_ == Form::Nfkc || form_ == Form::Nfkd;
  const bool composed = form_ == Form::Nfc || form_ == Form::Nfkc;
  const auto options = static_cast<utf8proc_option_t>(
      UTF8PROC_STABLE | (composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) | (compatibility ? UTF8PROC_COMPAT : 0));
  const std::string_view in = piece.text;
  Text out(with_origins);
  out.reserve(in.size());
  std::vector<utf8proc_int32_t> buffer;
  for (size_t begin = 0; begin < in.size();) {
    // Plain ASCII is normalized; its last character may be the base of a mark.
    size_t end = begin;
    while (end < in.size() && static_cast<unsigned char>(in[end]) < 0x80) ++end;
    if (end < in.size() && end > begin) --end;
    if (end > begin) {
      out.copy(piece, begin, end);
      begin = end;
      continue;
    }
    buffer.clear();
    size_t next = begin;
    decompose(next_character(in, next), options, buffer);
    while (next < in.size()) {
      size_t behind = next;
      const char32_t c = next_character(in, behind);
      const size_t size = buffer.size();
      decompose(c, options, buffer);
      if (begins_segment(c) && begins_segment(static_cast<char32_t>(buffer[size]))) {
        buffer.resize(size);
        break;
      }
      next = behind;
    }
    order_marks(buffer);
    auto count = static_cast<utf8proc_ssize_t>(buffer.size());
    if (composed) count = utf8proc_normalize_utf32(buffer.data(), count, options);
    const Origin origin = piece.origin(begin, next);
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      out.append(static_cast<char32_t>(buffer[static_cast<size_t>(i)]), origin);
    }
    begin = next;
  }
  return out;
}

}  // namespace foretell::tokenization
