#include "tokenizer/oniguruma.h"

#include <vector>

#include "foretell/error.h"
#include "tokenizer/case_folding.h"
#include "tokenizer/unicode_sets.h"
#include "tokenizer/utf8.h"

namespace foretell::tokenization {
namespace {

constexpr int deepest_nesting = 200;

// Characters for which [items] or one of the alternatives (each an expression for one character) stands.
struct Set {
  std::string items;
  std::vector<std::string> alternatives;
};

std::string code_point(char32_t c) {
  constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  do hex.insert(hex.begin(), digits[c & 15]);
  while (c >>= 4);
  return "\\x{" + hex + "}";
}

std::string alternatives_of(const Set& set) {
  std::string joined = set.items.empty() ? "" : "[" + set.items + "]";
  for (const std::string& alternative : set.alternatives) joined += (joined.empty() ? "" : "|") + alternative;
  return joined.empty() ? "(?!)" : joined;
}

std::string expression_of(const Set& set, bool negated) {
  if (set.alternatives.empty() && !set.items.empty()) return (negated ? "[^" : "[") + set.items + "]";
  if (negated) return "(?:(?!" + alternatives_of(set) + ")(?s:.))";
  return "(?:" + alternatives_of(set) + ")";
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  std::string run() {
    alternation(0);
    if (!at_end()) fail("unmatched )");
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error({.what = "the regular expression cannot be used: " + why, .found = std::string(in_)});
  }
  bool at_end() const { return at_ == in_.size(); }
  bool follows(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  bool take(std::string_view text) {
    if (!follows(text)) return false;
    at_ += text.size();
    return true;
  }
  char take_byte() {
    if (at_end()) fail("it ends early");
    return in_[at_++];
  }
  char32_t take_character() {
    if (at_end()) fail("it ends early");
    return next_character(in_, at_);
  }

  // Everything up to the end or a closing bracket.
  void alternation(int depth) {
    if (depth > deepest_nesting) fail("groups are nested too deep");
    size_t atom = std::string::npos;  // where the last thing that a quantifier applies to begins in out_
    while (!at_end() && in_[at_] != ')') {
      const size_t before = out_.size();
      const char c = in_[at_];
      if (c == '|') {
        ++at_, out_ += '|', atom = std::string::npos;
      } else if (c == '*' || c == '+' || c == '?') {
        ++at_, out_ += c;
        // A second + makes it possessive and a second ? lazy, in both syntaxes.
        if (!at_end() && (in_[at_] == '+' || in_[at_] == '?')) out_ += in_[at_++];
      } else if (c == '{' && interval(atom)) {
        continue;
      } else {
        atom = before;
        one(c, depth);
      }
    }
  }

  void one(char c, int depth) {
    if (c == '(') {
      group(depth);
    } else if (c == '[') {
      ++at_;
      out_ += character_class(depth);
    } else if (c == '\\') {
      ++at_;
      out_ += escape();
    } else if (c == '^' || c == '$' || c == '.') {
      ++at_, out_ += c;
    } else {
      if (caseless_ && folds()) return;
      const size_t begin = at_;
      take_character();
      if (c == '{' || c == '}' || c == ']') out_ += '\\';
      out_ += in_.substr(begin, at_ - begin);
    }
  }

  // Takes a literal that matches other numbers of characters, unless a quantifier is for a part of it.
  bool folds() {
    const CaselessLiteral literal = caseless_literal(in_.substr(at_));
    if (literal.length == 0) return false;
    const bool several = literal.length > character_length(in_[at_]);
    const size_t behind = at_ + literal.length;
    if (several && behind < in_.size() && std::string_view("*+?{").find(in_[behind]) != std::string_view::npos)
      return false;
    out_ += literal.expression;
    at_ = behind;
    return true;
  }

  // {n}, {n,}, {n,m}, {,m}. In Ruby's syntax a + behind it repeats once more, and {n}? makes it optional.
  bool interval(size_t atom) {
    size_t at = at_ + 1;
    std::string low, high;
    while (at < in_.size() && is_digit(in_[at])) low += in_[at++];
    const bool comma = at < in_.size() && in_[at] == ',';
    if (comma) ++at;
    while (comma && at < in_.size() && is_digit(in_[at])) high += in_[at++];
    if (at >= in_.size() || in_[at] != '}' || (low.empty() && high.empty())) return false;
    at_ = at + 1;
    out_ += "{" + (low.empty() ? "0" : low) + (comma ? "," : "") + high + "}";
    const bool outer = follows("+") || (follows("?") && !comma);
    if (outer) {
      if (atom == std::string::npos) fail("a quantifier without anything to repeat");
      out_.insert(atom, "(?:");
      out_ += ")";
    } else if (take("?")) {
      out_ += '?';
    }
    return true;
  }

  void group(int depth) {
    const bool caseless = caseless_;
    group_content(depth);
    caseless_ = caseless;
  }

  void group_content(int depth) {
    ++at_;
    if (take("?#")) {
      while (take_byte() != ')') {
      }
      out_ += "(?:)";
      return;
    }
    if (!take("?")) {
      out_ += "(";
    } else {
      out_ += "(?";
      bool closed = false;
      group_head(depth, closed);
      if (closed) return;
    }
    alternation(depth + 1);
    if (take_byte() != ')') fail("unmatched (");
    out_ += ')';
  }

  // What follows "(?". `closed`: it was options for the rest of the group, "(?i)".
  void group_head(int depth, bool& closed) {
    for (std::string_view head : {":", "=", "!", ">", "<=", "<!"}) {
      if (take(head)) {
        out_ += head;
        return;
      }
    }
    if (take("<")) {
      out_ += '<';
      char c = 0;
      do out_ += c = take_byte();
      while (c != '>');
      return;
    }
    for (bool on = true;;) {
      const char c = take_byte();
      if (c == 'm') {
        out_ += 's';  // Ruby's m: the dot matches line breaks
      } else if (c == 'i') {
        out_ += c;
        caseless_ = on;
      } else if (c == '-') {
        out_ += c;
        on = false;
      } else if (c == ':') {
        out_ += ':';
        return;
      } else if (c == ')') {
        // The options hold up to the end of the group, over its alternatives too: as in "(?i:...)".
        out_ += ':';
        alternation(depth + 1);
        out_ += ')';
        closed = true;
        return;
      } else {
        fail(std::string("the group (?") + c + " is not known");
      }
    }
  }

  std::string hexadecimal(size_t most) {
    std::string digits;
    while (digits.size() < most && !at_end() &&
           std::string_view("0123456789abcdefABCDEF").find(in_[at_]) != std::string_view::npos) {
      digits += in_[at_++];
    }
    if (digits.empty()) fail("an escape without its number");
    return digits;
  }

  // The character that an escape stands for; nothing where it is no character. The backslash has been read.
  bool escaped_character(bool in_class, char32_t& character) {
    const size_t begin = at_;
    const char32_t c = take_character();
    switch (c) {
      case 't':
        character = '\t';
        return true;
      case 'n':
        character = '\n';
        return true;
      case 'r':
        character = '\r';
        return true;
      case 'f':
        character = '\f';
        return true;
      case 'v':
        character = '\v';
        return true;
      case 'a':
        character = '\a';
        return true;
      case 'e':
        character = 0x1b;
        return true;
      case 'x': {
        const bool braces = take("{");
        character = static_cast<char32_t>(std::stoul(hexadecimal(braces ? 8 : 2), nullptr, 16));
        if (braces && take_byte() != '}') fail("\\x{ without }");
        break;
      }
      case 'u':
        character = static_cast<char32_t>(std::stoul(hexadecimal(4), nullptr, 16));
        break;
      case '0': {
        character = 0;
        for (int i = 0; i < 2 && !at_end() && in_[at_] >= '0' && in_[at_] <= '7'; ++i) {
          character = character * 8 + static_cast<char32_t>(in_[at_++] - '0');
        }
        return true;
      }
      case 'b':
        if (!in_class) break;
        character = '\b';
        return true;
      default:
        if (c < 0x80 && ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) break;
        if (c >= '1' && c <= '9') break;
        character = c;
        return true;
    }
    if (c == 'x' || c == 'u') {
      if (character > 0x10ffff || (character >= 0xd800 && character < 0xe000)) fail("no such character");
      return true;
    }
    at_ = begin;
    return false;
  }

  // A set such as \s, \p{L}; nothing where `c` names none. The letter has been read.
  bool named_set(char c, bool in_class, Set& set) {
    const char lower = static_cast<char>(c | 0x20);
    std::string_view name;
    switch (lower) {
      case 's':
        name = "space";
        break;
      case 'd':
        name = "digit";
        break;
      case 'w':
        name = in_class ? "word" : "word escape";  // [\w] is [[:word:]], and \w a little more
        break;
      case 'h':
        name = "xdigit";
        break;
      case 'p':
        break;
      default:
        return false;
    }
    bool negated = c != lower;
    if (lower == 'p') {
      if (take_byte() != '{') fail("\\p without {");
      if (take("^")) negated = !negated;
      const size_t begin = at_;
      while (take_byte() != '}') {
      }
      name = in_.substr(begin, at_ - 1 - begin);
    }
    const std::string items = class_items_of(name);
    if (items.empty()) fail("unknown property " + std::string(name));
    if (negated) {
      set.alternatives.push_back("[^" + items + "]");
    } else {
      set.items += items;
    }
    return true;
  }

  std::string escape() {
    char32_t character = 0;
    if (escaped_character(false, character)) return code_point(character);
    const char c = take_byte();
    if (is_digit(c)) {
      std::string number(1, c);
      while (!at_end() && is_digit(in_[at_])) number += in_[at_++];
      return "\\g{" + number + "}";
    }
    Set set;
    if (named_set(c, false, set)) return expression_of(set, false);
    const std::string word = "[" + class_items_of("word escape") + "]";
    switch (c) {
      case 'b':
        return "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))";
      case 'B':
        return "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))";
      case 'A':
      case 'z':
      case 'Z':
      case 'G':
      case 'R':
      case 'X':
      case 'K':
        return {'\\', c};
      default:
        fail(std::string("the escape \\") + c + " is not known");
    }
  }

  // The opening bracket has been read.
  std::string character_class(int depth) {
    if (depth > deepest_nesting) fail("classes are nested too deep");
    const bool negated = take("^");
    std::vector<Set> operands(1);
    for (bool first = true;; first = false) {
      if (at_end()) fail("[ without ]");
      if (!first && take("]")) break;
      if (take("&&")) {
        operands.emplace_back();
        continue;
      }
      class_item(operands.back(), depth);
    }
    if (operands.size() == 1) return expression_of(operands[0], negated);
    std::string all;
    for (size_t i = 0; i + 1 < operands.size(); ++i) all += "(?=" + alternatives_of(operands[i]) + ")";
    all += expression_of(operands.back(), false);
    return negated ? "(?:(?!" + all + ")(?s:.))" : "(?:" + all + ")";
  }

  void class_item(Set& set, int depth) {
    if (take("[:")) {
      const bool negated = take("^");
      const size_t end = in_.find(":]", at_);
      if (end == std::string_view::npos) fail("[: without :]");
      const std::string items = class_items_of(in_.substr(at_, end - at_));
      if (items.empty()) fail("unknown class " + std::string(in_.substr(at_, end - at_)));
      at_ = end + 2;
      if (negated) {
        set.alternatives.push_back("[^" + items + "]");
      } else {
        set.items += items;
      }
      return;
    }
    if (take("[")) {
      set.alternatives.push_back(character_class(depth + 1));
      return;
    }
    char32_t low = 0;
    if (!class_character(set, low)) return;
    // A range, unless the - stands last or before a set.
    if (follows("-") && at_ + 1 < in_.size() && in_[at_ + 1] != ']' && in_[at_ + 1] != '[') {
      ++at_;
      char32_t high = 0;
      if (!class_character(set, high)) {
        set.items += code_point(low) + code_point('-');
        return;
      }
      if (high < low) fail("a range of characters runs backwards");
      set.items += code_point(low) + "-" + code_point(high);
      return;
    }
    set.items += code_point(low);
  }

  // A character of a class; false where it was a set, which is then in `set`.
  bool class_character(Set& set, char32_t& character) {
    if (!take("\\")) {
      character = take_character();
      return true;
    }
    if (escaped_character(true, character)) return true;
    const char c = take_byte();
    if (!named_set(c, true, set)) fail(std::string("the escape \\") + c + " is not known inside []");
    return false;
  }

  std::string_view in_;
  size_t at_ = 0;
  std::string out_;
  bool caseless_ = false;
};

}  // namespace

std::string translate_oniguruma(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace foretell::tokenization
