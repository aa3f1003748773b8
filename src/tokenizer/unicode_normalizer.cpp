#include "tokenizer/unicode_normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "tokenizer/unicode.h"

namespace foretell::tokenization {
namespace {

using Form = UnicodeNormalizer::Form;

const utf8proc_property_t* property_of(utf8proc_int32_t c) { return utf8proc_get_property(c); }

// The reference's data are of Unicode 9: marks that are younger have no class for it and meet nothing.
bool is_young_mark(utf8proc_int32_t c) {
  const utf8proc_property_t* property = property_of(c);
  const bool mark = property->category == UTF8PROC_CATEGORY_MN || property->category == UTF8PROC_CATEGORY_MC;
  return (mark || property->combining_class != 0) && !is_combining_mark(static_cast<char32_t>(c));
}

// And characters that are younger do not change.
bool is_young_composite(char32_t c, bool compatibility) {
  if (c == 0x11938) return true;
  if (!compatibility) return false;
  return c == 0x32ff || (c >= 0xa7f2 && c <= 0xa7f4) || c == 0xab69 || (c >= 0x10781 && c <= 0x107ba) ||
         (c >= 0x1e030 && c <= 0x1e06d) || c == 0x1f16c || (c >= 0x1fbf0 && c <= 0x1fbf9);
}

int combining_class(utf8proc_int32_t c) {
  const int value = property_of(c)->combining_class;
  return value != 0 && is_young_mark(c) ? 0 : value;
}

// The characters of class 0 that some composition joins to the character before them (UnicodeData.txt).
bool joins_left(utf8proc_int32_t c) {
  constexpr utf8proc_int32_t joining[] = {0x9be,   0x9d7,   0xb3e,   0xb56,   0xb57,   0xbbe,   0xbd7,  0xcc2,
                                          0xcd5,   0xcd6,   0xd3e,   0xd57,   0xdcf,   0xddf,   0x102e, 0x1b35,
                                          0x11127, 0x1133e, 0x11357, 0x114b0, 0x114ba, 0x114bd, 0x115af};
  return (c >= 0x1160 && c <= 0x11ff)  // Hangul vowels and final consonants
         || std::binary_search(std::begin(joining), std::end(joining), c);
}

// A character that does not meet its left neighbour in any form: the text can be cut before it.
bool begins_segment(utf8proc_int32_t c) {
  return c < 0x300 || is_young_mark(c) || (property_of(c)->combining_class == 0 && !joins_left(c));
}

// A character that is the same in any form, whatever stands around it.
bool is_inert(utf8proc_int32_t c) {
  return property_of(c)->decomp_seqindex == UINT16_MAX && (c < 0xac00 || c > 0xd7a3) && begins_segment(c);
}

// Appends the decomposition of a character. No character has more than 18 parts.
void decompose(char32_t c, utf8proc_option_t options, std::vector<utf8proc_int32_t>& out) {
  if (is_young_composite(c, options & UTF8PROC_COMPAT)) return out.push_back(static_cast<utf8proc_int32_t>(c));
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

// The end of what is the same in any form: the beginning of the text's end or of a character that something may join.
size_t skip_inert(std::string_view text, size_t begin) {
  size_t last = begin;  // of the characters that are inert, the last one's beginning
  for (size_t at = begin; at < text.size();) {
    const size_t here = at;
    const bool inert = static_cast<unsigned char>(text[at]) < 0x80
                           ? (++at, true)
                           : is_inert(static_cast<utf8proc_int32_t>(next_character(text, at)));
    if (!inert) return last;
    last = here;
  }
  return text.size();
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
    // Most text is normalized. The last character that is may be the base of a mark.
    const size_t end = skip_inert(in, begin);
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
      if (begins_segment(static_cast<utf8proc_int32_t>(c)) && begins_segment(buffer[size])) {
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
