// What the reference implementation believes of characters, where that is not what PCRE2 and utf8proc believe: its
// parts have Unicode data of several versions. The rows are sorted.
#pragma once

#include <cstdint>
#include <span>

namespace foretell::tokenization {

struct CharacterRange {
  char32_t first, last;
};
struct CharacterPair {
  char32_t from, to;
};
struct CategoryRange {
  char32_t first, last;
  const char* category;  // "Lu"
};
struct ScriptRange {
  char32_t first, last;
  const char* script;  // "Egyptian_Hieroglyphs"
};
struct ScriptNumber {
  char32_t first, last;
  int number;
};

extern const std::span<const CategoryRange> category_data;
extern const std::span<const ScriptRange> added_script_data;
extern const std::span<const ScriptNumber> script_data;
extern const std::span<const CharacterPair> lower_data;
extern const std::span<const CharacterRange> alphabetic_marks_data;
extern const std::span<const CharacterRange> other_lowercase_data;
extern const std::span<const CharacterRange> numeric_data;
extern const std::span<const CharacterRange> combining_data;
extern const std::span<const CharacterRange> nonspacing_data;
extern const std::span<const CharacterRange> control_data;
extern const std::span<const CharacterRange> punctuation_data;

}  // namespace foretell::tokenization
