// The config file's syntax.
#include "cli/exit.h"
#include "cli/settings.h"

namespace foretell::cli {
namespace {

class Reader {
 public:
  Reader(std::string_view text, const std::filesystem::path& source) : text_(text), source_(source) {
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
  }

  std::vector<Setting> read() {
    std::vector<Setting> settings;
    std::string section;
    while (skip_to_content(), !done()) {
      if (peek() == '[') {
        next();
        section = key();
        expect(']');
      } else {
        settings.push_back(setting(section));
      }
      skip_blanks();
      if (!done() && peek() != '\n' && peek() != '\r' && peek() != '#') fail("the end of the line");
    }
    return settings;
  }

 private:
  Setting setting(const std::string& section) {
    Setting out{.section = section, .key = key(), .values = {}, .line = line_};
    if (!done() && peek() == '.') {  // generate.temp
      if (!section.empty()) fail("\"=\" after the key");
      next();
      out.section = out.key;
      out.key = key();
    }
    for (char& c : out.key) c = c == '_' ? '-' : c;
    expect('=');
    skip_blanks();
    if (!done() && peek() == '[') {
      next();
      out.list = true;
      while (skip_to_content(), !done() && peek() != ']') {
        out.values.push_back(value());
        skip_to_content();
        if (!done() && peek() == ',') {
          next();
        } else if (!done() && peek() != ']') {
          fail("\",\" or \"]\"");
        }
      }
      expect(']');
    } else {
      out.values.push_back(value());
    }
    return out;
  }

  std::string key() {
    skip_blanks();
    std::string out;
    if (!done() && (peek() == '"' || peek() == '\'')) {
      out = text();
    } else {
      while (!done() && (std::isalnum(static_cast<unsigned char>(peek())) != 0 || peek() == '-' || peek() == '_'))
        out += next();
    }
    if (out.empty()) fail("a key");
    skip_blanks();
    return out;
  }

  std::string value() {
    if (done() || peek() == '\n') fail("a value");
    if (peek() == '"' || peek() == '\'') return text();
    std::string out;
    while (!done() && std::string_view(" \t\r\n,]#").find(peek()) == std::string_view::npos) out += next();
    const std::string_view first = "+-.0123456789";
    if (out != "true" && out != "false" && (out.empty() || first.find(out[0]) == std::string_view::npos))
      fail("a number, true, false, a list or a text in quotes");
    if (out.find('_') == std::string::npos) return out;
    std::string digits;  // TOML's 1_000
    for (const char c : out) {
      if (c != '_') digits += c;
    }
    return digits;
  }

  // "..." with escapes, or '...' as it is.
  std::string text() {
    const char quote = next();
    std::string out;
    while (!done() && peek() != quote) {
      if (peek() == '\n') break;
      const char c = next();
      out += c == '\\' && quote == '"' ? escaped() : std::string(1, c);
    }
    if (done() || peek() != quote) fail(std::string("the closing ") + quote);
    next();
    return out;
  }

  std::string escaped() {
    if (done()) fail("an escaped character");
    const char c = next();
    switch (c) {
      case 'n':
        return "\n";
      case 't':
        return "\t";
      case 'r':
        return "\r";
      case 'b':
        return "\b";
      case 'f':
        return "\f";
      case '"':
      case '\\':
        return std::string(1, c);
      case 'u':
        return character(4);
      case 'U':
        return character(8);
      default:
        fail("one of the escapes \\n \\t \\r \\b \\f \\\" \\\\ \\u \\U");
    }
  }

  std::string character(int digits) {
    uint32_t code = 0;
    for (int i = 0; i < digits; i++) {
      const char c = done() ? ' ' : next();
      const std::string_view hex = "0123456789abcdef";
      const size_t value = hex.find(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
      if (value == std::string_view::npos) fail(std::to_string(digits) + " hexadecimal digits");
      code = code * 16 + static_cast<uint32_t>(value);
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) fail("a Unicode character");
    std::string out;
    const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xc0 | code >> 6), put(0x80 | (code & 63));
    } else if (code < 0x10000) {
      put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 63)), put(0x80 | (code & 63));
    } else {
      put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 63)), put(0x80 | (code >> 6 & 63)), put(0x80 | (code & 63));
    }
    return out;
  }

  void skip_blanks() {
    while (!done() && (peek() == ' ' || peek() == '\t')) next();
  }
  void skip_to_content() {
    while (!done()) {
      if (peek() == '#') {
        while (!done() && peek() != '\n') next();
      } else if (std::string_view(" \t\r\n").find(peek()) != std::string_view::npos) {
        next();
      } else {
        return;
      }
    }
  }
  void expect(char c) {
    if (done() || peek() != c) fail(std::string("\"") + c + "\"");
    next();
  }
  bool done() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  char next() {
    const char c = text_[at_++];
    if (c == '\n') line_++;
    return c;
  }
  [[noreturn]] void fail(const std::string& expected) const {
    const size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string rest(text_.substr(at_, end - at_));
    throw UsageError({.what = "not the TOML that a config file is written in",
                      .file = source_.string(),
                      .where = "line " + std::to_string(line_),
                      .expected = expected,
                      .found = rest.empty() ? "the end of the line" : "\"" + rest + "\""});
  }

  std::string_view text_;
  std::filesystem::path source_;
  size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<Setting> parse_settings(std::string_view text, const std::filesystem::path& source) {
  return Reader(text, source).read();
}

}  // namespace foretell::cli
