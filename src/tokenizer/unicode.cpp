#include "tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>

#include "tokenizer/regex.h"
#include "tokenizer/unicode_data.h"
#include "tokenizer/utf8.h"

namespace foretell::tokenization {
namespace {

// The row that has `c`, or null.
template <typename Row>
const Row* find(std::span<const Row> rows, char32_t c) {
  const auto row = std::lower_bound(rows.begin(), rows.end(), c, [](const Row& r, char32_t v) { return r.last < v; });
  return row != rows.end() && row->first <= c ? &*row : nullptr;
}

}  // namespace

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13);
  return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
         c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_numeric(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_NO ||
         find(numeric_data, c);
}

bool is_word(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
  static const Regex word("[[:word:]\\x{200c}\\x{200d}]");
  std::string text;
  append_utf8(text, c);
  return word.find(text, 0).has_value();
}

bool is_punctuation(char32_t c) { return find(punctuation_data, c); }
bool is_combining_mark(char32_t c) { return c >= 0x300 && find(combining_data, c); }
bool is_nonspacing_mark(char32_t c) { return c >= 0x300 && find(nonspacing_data, c); }
bool is_control(char32_t c) { return find(control_data, c); }

int script_of(char32_t c) {
  const ScriptNumber* row = find(script_data, c);
  return row ? row->number + 1 : 0;
}

void append_lowercase(std::string& text, char32_t c) {
  if (c < 0x80) return append_utf8(text, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  if (c == 0x130) return append_utf8(text, 'i'), append_utf8(text, 0x307);  // as SpecialCasing.txt has it
  const auto row = std::lower_bound(lower_data.begin(), lower_data.end(), c,
                                    [](const CharacterPair& pair, char32_t v) { return pair.from < v; });
  if (row != lower_data.end() && row->from == c) return append_utf8(text, row->to);
  append_utf8(text, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

}  // namespace foretell::tokenization
