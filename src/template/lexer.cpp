#include "template/lexer.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "tokenizer/unicode.h"
#include "tokenizer/utf8.h"

namespace foretell::jinja {
namespace {

constexpr std::string_view blanks = " \t\n\r\f\v";

[[noreturn]] void fail(const std::string& message, int line) { throw Failure("TemplateSyntaxError", message, line); }

// Line breaks of all kinds become \n, and the last one goes.
std::string normalize_newlines(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); i++) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') i++;
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t tag = next_tag();
      if (tag == std::string::npos) {
        add_data(source_.substr(at_));
        break;
      }
      enter(tag);
    }
    add(Token::Kind::End, "");
    return std::move(tokens_);
  }

 private:
  size_t next_tag() const {
    for (size_t i = source_.find('{', at_); i != std::string::npos; i = source_.find('{', i + 1)) {
      if (i + 1 < source_.size() && (source_[i + 1] == '{' || source_[i + 1] == '%' || source_[i + 1] == '#')) return i;
    }
    return std::string::npos;
  }

  void add(Token::Kind kind, std::string text, Value number = {}) {
    tokens_.push_back({kind, std::move(text), std::move(number), line_});
  }

  void add_data(const std::string& text) {
    if (!text.empty()) add(Token::Kind::Data, text);
    count_lines(text);
  }
  void count_lines(std::string_view text) { line_ += static_cast<int>(std::count(text.begin(), text.end(), '\n')); }
  void move_to(size_t position) {
    count_lines(std::string_view(source_).substr(at_, position - at_));
    line_start_ = position > 0 && source_[position - 1] == '\n';
    at_ = position;
  }

  // The text before a tag, less what the tag's sign and lstrip_blocks take from it; then what is in the tag.
  void enter(size_t tag) {
    const char kind = source_[tag + 1];
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    std::string text = source_.substr(at_, tag - at_);
    const std::string whole = text;
    if (sign == '-') {
      text.erase(text.find_last_not_of(blanks) + 1);
    } else if (sign != '+' && kind != '{') {
      strip_line_start(text);
    }
    if (!text.empty()) add(Token::Kind::Data, text);
    count_lines(whole);
    at_ = tag + 2 + (sign == '-' || sign == '+' ? 1 : 0);
    if (kind == '#') return comment();
    if (kind == '%' && raw()) return;
    const bool print = kind == '{';
    add(print ? Token::Kind::PrintBegin : Token::Kind::BlockBegin, "");
    expression(print);
  }

  // White space between the start of a line and a block.
  void strip_line_start(std::string& text) const {
    const size_t newline = text.rfind('\n');
    const size_t start = newline == std::string::npos ? 0 : newline + 1;
    if (newline == std::string::npos && !line_start_) return;
    if (text.find_first_not_of(blanks, start) == std::string::npos) text.erase(start);
  }

  // Behind "-%}" white space goes, behind "%}" one line break.
  void leave(size_t end, char sign, bool trim) {
    size_t position = end;
    if (sign == '-') {
      position = std::min(source_.find_first_not_of(blanks, end), source_.size());
    } else if (trim && sign != '+' && position < source_.size() && source_[position] == '\n') {
      position++;
    }
    move_to(position);
  }

  void comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) fail("Missing end of comment tag", line_);
    const char before = end > at_ ? source_[end - 1] : '\0';
    leave(end + 2, before, true);
  }

  size_t skip_blanks(size_t position) const {
    return std::min(source_.find_first_not_of(blanks, position), source_.size());
  }

  // {% raw %}: text up to {% endraw %}.
  bool raw() {
    size_t p = skip_blanks(at_);
    if (source_.compare(p, 3, "raw") != 0) return false;
    p = skip_blanks(p + 3);
    const bool minus = p < source_.size() && source_[p] == '-';
    if (source_.compare(p + (minus ? 1 : 0), 2, "%}") != 0) return false;
    leave(p + (minus ? 3 : 2), minus ? '-' : '+', false);
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 2)) {
      size_t q = tag + 2;
      const char sign = q < source_.size() ? source_[q] : '\0';
      if (sign == '-' || sign == '+') q++;
      q = skip_blanks(q);
      if (source_.compare(q, 6, "endraw") != 0) continue;
      q = skip_blanks(q + 6);
      const char end_sign = q < source_.size() ? source_[q] : '\0';
      if (end_sign == '-' || end_sign == '+') q++;
      if (source_.compare(q, 2, "%}") != 0) continue;
      std::string text = source_.substr(at_, tag - at_);
      const std::string whole = text;
      if (sign == '-') {
        text.erase(text.find_last_not_of(blanks) + 1);
      } else if (sign != '+') {
        strip_line_start(text);
      }
      if (!text.empty()) add(Token::Kind::Data, text);
      move_to(tag);
      leave(q + 2, end_sign, true);
      return true;
    }
    fail("Missing end of raw directive", line_);
  }

  // The tokens up to the end of the tag.
  void expression(bool print) {
    std::string open;  // brackets
    while (true) {
      const size_t next = skip_blanks(at_);
      move_to(next);
      if (at_ >= source_.size()) fail("unexpected end of template", line_);
      if (open.empty() && tag_ends(print)) return;
      const char c = source_[at_];
      if (c == '"' || c == '\'') {
        string(c);
      } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
        number();
      } else if (is_name(c)) {
        name();
      } else {
        symbol(open);
      }
    }
  }

  bool tag_ends(bool print) {
    const std::string_view rest = std::string_view(source_).substr(at_);
    const std::string_view end = print ? "}}" : "%}";
    const char sign = rest[0] == '-' || (rest[0] == '+' && !print) ? rest[0] : '\0';
    if (!rest.substr(sign != '\0' ? 1 : 0).starts_with(end)) return false;
    add(print ? Token::Kind::PrintEnd : Token::Kind::BlockEnd, "");
    leave(at_ + 2 + (sign != '\0' ? 1 : 0), sign, !print);
    return true;
  }

  static bool is_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  }

  void name() {
    const size_t begin = at_;
    size_t end = at_;
    while (end < source_.size() && is_name(source_[end])) {
      size_t behind = end;
      const char32_t c = tokenization::next_character(source_, behind);
      if (!tokenization::is_word(c)) break;
      end = behind;
    }
    if (end == begin) fail("unexpected char '" + character() + "' at " + std::to_string(at_), line_);
    add(Token::Kind::Name, source_.substr(begin, end - begin));
    at_ = end;
  }

  std::string character() const { return source_.substr(at_, tokenization::character_length(source_[at_])); }

  void symbol(std::string& open) {
    static constexpr std::string_view two[] = {"//", "**", "==", "!=", ">=", "<="};
    static constexpr std::string_view one = "+-/*%~[](){}><=.:|,;";
    std::string text = source_.substr(at_, 2);
    if (std::find(std::begin(two), std::end(two), text) == std::end(two)) text = text.substr(0, 1);
    if (text.size() == 1 && one.find(text[0]) == std::string_view::npos)
      fail("unexpected char '" + character() + "' at " + std::to_string(at_), line_);
    const char c = text[0];
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty()) fail("unexpected '" + text + "'", line_);
      if (open.back() != c) fail("unexpected '" + text + "', expected '" + open.back() + "'", line_);
      open.pop_back();
    }
    add(Token::Kind::Operator, text);
    at_ += text.size();
  }

  // Digits, with "_" between them.
  size_t digits(size_t position, int (*is_digit)(int)) const {
    size_t end = position;
    while (end < source_.size()) {
      if (is_digit(static_cast<unsigned char>(source_[end])) != 0) {
        end++;
      } else if (source_[end] == '_' && end > position && end + 1 < source_.size() &&
                 is_digit(static_cast<unsigned char>(source_[end + 1])) != 0) {
        end++;
      } else {
        break;
      }
    }
    return end;
  }

  void number() {
    const size_t begin = at_;
    int base = 10;
    if (source_[at_] == '0' && at_ + 1 < source_.size()) {
      const char c = static_cast<char>(std::tolower(static_cast<unsigned char>(source_[at_ + 1])));
      base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
    }
    if (base != 10) return integer(digits(at_ + 2, base == 16 ? &isxdigit : &isdigit), base);
    size_t end = digits(begin, &isdigit);
    bool is_float = false;
    if (end + 1 < source_.size() && source_[end] == '.' &&
        std::isdigit(static_cast<unsigned char>(source_[end + 1])) != 0) {
      end = digits(end + 1, &isdigit);
      is_float = true;
    }
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      size_t e = end + 1;
      if (e < source_.size() && (source_[e] == '+' || source_[e] == '-')) e++;
      if (e < source_.size() && std::isdigit(static_cast<unsigned char>(source_[e])) != 0) {
        end = digits(e, &isdigit);
        is_float = true;
      }
    }
    if (!is_float) return integer(end, 10);
    std::string text = source_.substr(begin, end - begin);
    std::erase(text, '_');
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    add(Token::Kind::Float, text, value);
    at_ = end;
  }

  void integer(size_t end, int base) {
    const size_t begin = at_ + (base == 10 ? 0 : 2);
    std::string text = source_.substr(begin, end - begin);
    std::erase(text, '_');
    int64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error == std::errc::result_out_of_range) throw Failure("OverflowError", "an integer beyond 64 bits", line_);
    if (error != std::errc() || stop != text.data() + text.size()) fail("invalid number", line_);
    add(Token::Kind::Integer, text, value);
    at_ = end;
  }

  void string(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail("unexpected char '" + std::string(1, quote) + "' at " + std::to_string(at_), line_);
    add(Token::Kind::String, unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
    move_to(end + 1);
  }

  // Python's escapes ("unicode-escape"); what is none stays as it is.
  std::string unescape(std::string_view text) const {
    std::string out;
    for (size_t i = 0; i < text.size(); i++) {
      if (text[i] != '\\' || i + 1 >= text.size()) {
        out += text[i];
        continue;
      }
      const char c = text[++i];
      static constexpr std::string_view names = "abfnrtv\\'\"\n", values = "\a\b\f\n\r\t\v\\'\"";
      if (const size_t known = names.find(c); known != std::string_view::npos) {
        if (c != '\n') out += values[known];
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t length = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        unsigned code = 0;
        const char* from = text.data() + i + 1;
        const bool enough = i + length < text.size();
        if (!enough || std::from_chars(from, from + length, code, 16).ptr != from + length || code > 0x10ffff)
          fail("(unicode error) 'unicodeescape' codec can't decode bytes in position " + std::to_string(i - 1), line_);
        tokenization::append_utf8(out, code);
        i += length;
      } else if (c >= '0' && c <= '7') {
        unsigned code = 0;
        size_t n = 0;
        for (; n < 3 && i + n < text.size() && text[i + n] >= '0' && text[i + n] <= '7'; n++)
          code = code * 8 + static_cast<unsigned>(text[i + n] - '0');
        tokenization::append_utf8(out, code);
        i += n - 1;
      } else {
        out += '\\';
        out += c;
      }
    }
    return out;
  }

  const std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_start_ = true;  // what comes next begins a line
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(std::string_view source) { return Lexer(source).run(); }

}  // namespace foretell::jinja
