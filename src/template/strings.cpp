#include "template/strings.h"

#include <utf8proc.h>

#include <algorithm>

#include "template/operators.h"
#include "tokenizer/utf8.h"

namespace foretell::jinja {
namespace {

using tokenization::append_utf8;
using tokenization::next_character;

// str.isspace: bidirectional classes WS, B and S, or Zs.
bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_line_break(char32_t c) {
  return (c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool is_letter(char32_t c) {
  const auto k = category(c);
  return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT ||
         k == UTF8PROC_CATEGORY_LM || k == UTF8PROC_CATEGORY_LO;
}
bool is_upper(char32_t c) { return utf8proc_isupper(static_cast<utf8proc_int32_t>(c)) != 0; }
bool is_lower(char32_t c) { return utf8proc_islower(static_cast<utf8proc_int32_t>(c)) != 0; }
bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_numeric(char32_t c) {
  const auto k = category(c);
  return k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_NO;
}

char32_t upper_of(char32_t c) { return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))); }
char32_t lower_of(char32_t c) { return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))); }

// Each character through `change(c, index)`, with the marks of where it stood.
template <class Change>
Text map(const Text& text, Change&& change) {
  Text out;
  size_t index = 0;
  for (size_t at = 0; at < text.bytes.size(); index++) {
    const size_t begin = at;
    const char32_t c = change(next_character(text.bytes, at), index);
    std::string piece;
    append_utf8(piece, c);
    if (!text.marks.empty()) out.marks.append(piece.size(), text.marks[begin]);
    out.bytes += piece;
  }
  return out;
}

bool in(char32_t c, const Text& characters) {
  std::string one;
  append_utf8(one, c);
  return characters.bytes.find(one) != std::string::npos;
}

std::vector<Text> split_at_spaces(const Text& text, int64_t most) {
  std::vector<Text> parts;
  size_t at = 0;
  const std::string& s = text.bytes;
  while (true) {
    size_t begin = at;
    while (at < s.size()) {
      begin = at;
      if (!is_space(next_character(s, at))) break;
      begin = at;
    }
    if (begin >= s.size()) return parts;
    if (most >= 0 && std::ssize(parts) == most) {
      parts.push_back(strip(text.sub(begin, s.size()), nullptr, false, true));
      return parts;
    }
    size_t end = begin;
    at = begin;
    while (at < s.size()) {
      end = at;
      if (is_space(next_character(s, at))) break;
      end = at;
    }
    parts.push_back(text.sub(begin, end));
  }
}

std::vector<Text> split_at_spaces_from_right(const Text& text, int64_t most) {
  std::vector<Text> words = split_at_spaces(text, -1);
  if (most < 0 || std::ssize(words) <= most) return words;
  // What is left of the last `most` words, with its inner spaces.
  Text rest = text;
  std::vector<Text> parts;
  for (int64_t i = 0; i < most; i++) {
    rest = strip(rest, nullptr, false, true);
    const Text& word = words[words.size() - 1 - static_cast<size_t>(i)];
    parts.insert(parts.begin(), word);
    rest = rest.sub(0, rest.bytes.size() - word.bytes.size());
  }
  rest = strip(rest, nullptr, false, true);
  if (!rest.bytes.empty()) parts.insert(parts.begin(), strip(rest, nullptr, true, false));
  return parts;
}

}  // namespace

Text strip(const Text& text, const Text* characters, bool left, bool right) {
  const auto goes = [&](char32_t c) { return characters ? in(c, *characters) : is_space(c); };
  size_t begin = 0, end = text.bytes.size();
  while (left && begin < end) {
    size_t at = begin;
    if (!goes(next_character(text.bytes, at))) break;
    begin = at;
  }
  while (right && end > begin) {
    const size_t last = tokenization::previous_character(text.bytes, end);
    size_t at = last;
    if (!goes(next_character(text.bytes, at))) break;
    end = last;
  }
  return text.sub(begin, end);
}

std::vector<Text> split(const Text& text, const Text* separator, int64_t most, bool from_right) {
  if (!separator) return from_right ? split_at_spaces_from_right(text, most) : split_at_spaces(text, most);
  if (separator->bytes.empty()) throw Failure("ValueError", "empty separator");
  std::vector<Text> parts;
  const std::string& s = text.bytes;
  const size_t length = separator->bytes.size();
  if (!from_right) {
    size_t begin = 0;
    for (size_t at = s.find(separator->bytes); at != std::string::npos && (most < 0 || std::ssize(parts) < most);
         at = s.find(separator->bytes, begin)) {
      parts.push_back(text.sub(begin, at));
      begin = at + length;
    }
    parts.push_back(text.sub(begin, s.size()));
    return parts;
  }
  size_t end = s.size();
  while ((most < 0 || std::ssize(parts) < most) && end >= length) {
    const size_t at = s.rfind(separator->bytes, end - length);
    if (at == std::string::npos) break;
    parts.push_back(text.sub(at + length, end));
    end = at;
  }
  parts.push_back(text.sub(0, end));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<Text> split_lines(const Text& text, bool keep_ends) {
  std::vector<Text> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.bytes.size();) {
    const size_t before = at;
    const char32_t c = next_character(text.bytes, at);
    if (!is_line_break(c)) continue;
    if (c == '\r' && at < text.bytes.size() && text.bytes[at] == '\n') at++;
    lines.push_back(text.sub(begin, keep_ends ? at : before));
    begin = at;
  }
  if (begin < text.bytes.size()) lines.push_back(text.sub(begin, text.bytes.size()));
  return lines;
}

Text replace(const Text& text, const Text& from, const Text& to, int64_t most, Budget& budget) {
  Text out;
  const std::string& s = text.bytes;
  size_t begin = 0;
  if (from.bytes.empty()) {  // between all characters, and at both ends
    const std::vector<size_t> offsets = point_offsets(s);
    for (size_t i = 0; i < offsets.size(); i++) {
      if (most < 0 || static_cast<int64_t>(i) < most) out.append(to);
      if (i + 1 < offsets.size()) out.append(text.sub(offsets[i], offsets[i + 1]));
      budget.make_text(std::ssize(out.bytes));
    }
    return out;
  }
  for (int64_t n = 0; most < 0 || n < most; n++) {
    const size_t at = s.find(from.bytes, begin);
    if (at == std::string::npos) break;
    out.append(text.sub(begin, at));
    out.append(to);
    begin = at + from.bytes.size();
    budget.spend(4);
    if (std::ssize(out.bytes) > Budget::most_output) budget.make_text(std::ssize(out.bytes));
  }
  out.append(text.sub(begin, s.size()));
  return out;
}

Text upper(const Text& text) {
  Text out;
  for (size_t at = 0; at < text.bytes.size();) {
    const size_t begin = at;
    const char32_t c = next_character(text.bytes, at);
    std::string piece;
    if (c == 0xdf) {  // the one letter of common use with two upper-case ones
      piece = "SS";
    } else {
      append_utf8(piece, upper_of(c));
    }
    if (!text.marks.empty()) out.marks.append(piece.size(), text.marks[begin]);
    out.bytes += piece;
  }
  return out;
}

Text lower(const Text& text) {
  return map(text, [](char32_t c, size_t) { return lower_of(c); });
}

Text capitalize(const Text& text) {
  return map(text, [](char32_t c, size_t index) { return index == 0 ? upper_of(c) : lower_of(c); });
}

Text title(const Text& text) {
  bool inside = false;
  return map(text, [&](char32_t c, size_t) {
    const bool cased = upper_of(c) != c || lower_of(c) != c;
    const char32_t changed = !cased ? c : inside ? lower_of(c) : upper_of(c);
    inside = cased;
    return changed;
  });
}

Text swap_case(const Text& text) {
  return map(text, [](char32_t c, size_t) { return is_upper(c) ? lower_of(c) : upper_of(c); });
}

Text pad(const Text& text, int64_t left, int64_t right, const std::string& fill, Budget& budget) {
  left = std::max<int64_t>(left, 0), right = std::max<int64_t>(right, 0);
  left = std::min(left, Budget::most_output + 1), right = std::min(right, Budget::most_output + 1);
  budget.make_text(std::ssize(text.bytes) + (left + right) * std::ssize(fill));
  std::string before, after;
  for (int64_t i = 0; i < left; i++) before += fill;
  for (int64_t i = 0; i < right; i++) after += fill;
  Text out(before);
  out.append(text);
  out.append(after);
  return out;
}

bool is_all(const Text& text, std::string_view what) {
  const std::string& s = text.bytes;
  if (what == "isascii")
    return std::all_of(s.begin(), s.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
  bool cased = false, inside = false;
  size_t index = 0;
  for (size_t at = 0; at < s.size(); index++) {
    const char32_t c = next_character(s, at);
    const bool has_case = is_upper(c) || is_lower(c);
    cased = cased || has_case;
    bool fits = true;
    if (what == "isalpha") fits = is_letter(c);
    if (what == "isdigit" || what == "isdecimal") fits = is_decimal(c);
    if (what == "isnumeric") fits = is_numeric(c);
    if (what == "isalnum") fits = is_letter(c) || is_numeric(c);
    if (what == "isspace") fits = is_space(c);
    if (what == "islower") fits = !is_upper(c);
    if (what == "isupper") fits = !is_lower(c);
    if (what == "istitle") fits = !has_case || (is_upper(c) != inside);
    if (what == "isidentifier") fits = c == '_' || is_letter(c) || (index > 0 && is_numeric(c));
    if (what == "isprintable") fits = c == ' ' || (!is_space(c) && category(c) != UTF8PROC_CATEGORY_CC);
    if (!fits) return false;
    inside = has_case;
  }
  if (what == "islower" || what == "isupper" || what == "istitle") return cased;
  return what == "isprintable" || !s.empty();
}

}  // namespace foretell::jinja
