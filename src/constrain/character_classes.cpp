#include "constrain/character_classes.h"

#include <utf8proc.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace foretell::constrain {
namespace {

CodePointSet digits() { return {{'0', '9'}}; }
CodePointSet word_characters() { return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}; }
// ECMA-262, WhiteSpace and LineTerminator.
CodePointSet white_space() {
  return {{'\t', '\r'},     {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
          {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
}

// The characters of each general category, by its short name.
std::vector<std::pair<std::string_view, CodePointSet>> all_categories() {
  std::vector<std::pair<std::string_view, CodePointSet>> categories;
  for (char32_t first = 0; first <= 0x10ffff;) {
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(first));
    char32_t end = first + 1;
    while (end <= 0x10ffff && utf8proc_category(static_cast<utf8proc_int32_t>(end)) == category) end++;
    const std::string_view name = utf8proc_category_string(static_cast<utf8proc_int32_t>(first));
    const auto known =
        std::find_if(categories.begin(), categories.end(), [name](const auto& entry) { return entry.first == name; });
    if (known != categories.end())
      known->second.add(first, end - 1);
    else
      categories.push_back({name, {{first, end - 1}}});
    first = end;
  }
  return categories;
}

// The characters of a general category, "Lu", or of all that begin with a letter, "L".
CodePointSet category(std::string_view name, const TextReader& reader) {
  static constexpr std::pair<std::string_view, std::string_view> long_names[] = {{"Letter", "L"},
                                                                                 {"Uppercase_Letter", "Lu"},
                                                                                 {"Lowercase_Letter", "Ll"},
                                                                                 {"Titlecase_Letter", "Lt"},
                                                                                 {"Modifier_Letter", "Lm"},
                                                                                 {"Other_Letter", "Lo"},
                                                                                 {"Mark", "M"},
                                                                                 {"Number", "N"},
                                                                                 {"Decimal_Number", "Nd"},
                                                                                 {"Letter_Number", "Nl"},
                                                                                 {"Other_Number", "No"},
                                                                                 {"Punctuation", "P"},
                                                                                 {"Symbol", "S"},
                                                                                 {"Separator", "Z"},
                                                                                 {"Other", "C"},
                                                                                 {"Control", "Cc"}};
  for (const auto& [long_name, short_name] : long_names) {
    if (name == long_name) name = short_name;
  }
  static const std::vector<std::pair<std::string_view, CodePointSet>> categories = all_categories();
  CodePointSet set;
  for (const auto& [category, members] : categories) {
    if (category.starts_with(name)) set.add(members);
  }
  if (set.empty() || name.empty())
    reader.fail("has an unknown property \"" + std::string(name) + "\"", "a general category: L, Lu, Nd...");
  return set;
}

CodePointSet property(TextReader& reader, bool negated) {
  std::string name;
  if (reader.take("{")) {
    while (reader.peek() != '}') name += static_cast<char>(reader.next());
    reader.take("}");
  } else {
    name = static_cast<char>(reader.next());
  }
  for (const std::string_view prefix : {"General_Category=", "gc="}) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  const CodePointSet set = category(name, reader);
  return negated ? set.complement() : set;
}

char32_t braced_hexadecimal(TextReader& reader) {
  char32_t value = 0;
  do {
    const auto digit = TextReader::digit_value(reader.peek());
    if (!digit || value > 0x10ffff) reader.fail("has an escape that is no character");
    value = value * 16 + *digit;
    reader.next();
  } while (!reader.take("}"));
  return reader.scalar(value);
}

// \uXXXX, where two of them may be the halves of one character.
char32_t utf16(TextReader& reader) {
  if (reader.take("{")) return braced_hexadecimal(reader);
  const auto half = [&reader] {
    char32_t value = 0;
    for (int i = 0; i < 4; i++) {
      const auto digit = TextReader::digit_value(reader.peek());
      if (!digit) reader.fail("has an escape with too few hexadecimal digits", "4");
      value = value * 16 + *digit;
      reader.next();
    }
    return value;
  };
  const char32_t first = half();
  if (first < 0xd800 || first > 0xdbff || !reader.take("\\u")) return reader.scalar(first);
  const char32_t second = half();
  if (second < 0xdc00 || second > 0xdfff) return reader.scalar(first);
  return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}

CodePointSet one(char32_t c) { return {{c, c}}; }

}  // namespace

CodePointSet not_line_ends() { return CodePointSet{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}.complement(); }

CodePointSet parse_escape(TextReader& reader) {
  const size_t start = reader.position();
  reader.take("\\");
  const char32_t c = reader.next();
  switch (c) {
    case 'd':
      return digits();
    case 'D':
      return digits().complement();
    case 'w':
      return word_characters();
    case 'W':
      return word_characters().complement();
    case 's':
      return white_space();
    case 'S':
      return white_space().complement();
    case 'p':
    case 'P':
      return property(reader, c == 'P');
    case 'n':
      return one('\n');
    case 'r':
      return one('\r');
    case 't':
      return one('\t');
    case 'f':
      return one('\f');
    case 'v':
      return one('\v');
    case 'a':
      return one('\a');
    case 'e':
      return one(0x1b);
    case '0':
      return one(0);
    case 'x':
      return one(reader.take("{") ? braced_hexadecimal(reader) : reader.hexadecimal(2));
    case 'u':
      return one(utf16(reader));
    case 'U':
      return one(reader.hexadecimal(8));
    case 'c':
      return one(reader.next() % 32);
    default:
      break;
  }
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '1' && c <= '9');
  if (!letter) return one(c);
  reader.go_back(start);
  reader.fail("has an unknown escape");
}

CodePointSet parse_class(TextReader& reader) {
  reader.take("[");
  const bool negated = reader.take("^");
  CodePointSet set;
  const auto member = [&reader]() -> CodePointSet {
    if (reader.take("\\b")) return one('\b');  // what it is inside of a class
    return reader.peek() == '\\' ? parse_escape(reader) : one(reader.next());
  };
  const auto single = [](const CodePointSet& s) {
    return s.ranges().size() == 1 && s.ranges()[0].first == s.ranges()[0].last;
  };
  while (!reader.take("]")) {
    const size_t start = reader.position();
    const CodePointSet from = member();
    if (reader.peek() != '-' || reader.peek(1) == ']' || !single(from)) {
      set.add(from);
      continue;
    }
    reader.take("-");
    const CodePointSet to = member();
    if (!single(to)) {  // as in [a-\d]: a, - and the digits
      set.add(from), set.add('-'), set.add(to);
      continue;
    }
    if (to.ranges()[0].first < from.ranges()[0].first) {
      reader.go_back(start);
      reader.fail("has a range from a later to an earlier character");
    }
    set.add(from.ranges()[0].first, to.ranges()[0].first);
  }
  return negated ? set.complement() : set;
}

}  // namespace foretell::constrain
