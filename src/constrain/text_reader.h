// A text that a parser reads character by character; its errors say where.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "foretell/error.h"
#include "tokenizer/utf8.h"

namespace foretell::constrain {

class TextReader {
 public:
  // `kind`: what the text is, for errors: "the regular expression". Throws Error where it is not UTF-8.
  TextReader(std::string_view text, std::string kind, std::string file = {})
      : text_(text), kind_(std::move(kind)), file_(std::move(file)) {
    for (size_t at = 0; at < text.size();) {
      const tokenization::Utf8Step step = tokenization::read_utf8(text.substr(at));
      position_ = at;
      if (step.kind != tokenization::Utf8Step::Kind::Character) fail("is not UTF-8");
      at += step.length;
    }
    position_ = 0;
  }

  bool done() const { return position_ == text_.size(); }
  size_t position() const { return position_; }
  void go_back(size_t position) { position_ = position; }
  std::string_view rest() const { return text_.substr(position_); }
  // 0 at the end.
  char peek(size_t ahead = 0) const { return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0'; }
  bool take(std::string_view expected) {
    if (!rest().starts_with(expected)) return false;
    position_ += expected.size();
    return true;
  }
  char32_t next() {
    if (done()) fail("ends too early");
    return tokenization::next_character(text_, position_);
  }
  // Exactly so many hexadecimal digits.
  char32_t hexadecimal(size_t digits) {
    char32_t value = 0;
    for (size_t i = 0; i < digits; i++) {
      const auto digit = digit_value(peek());
      if (!digit) fail("has an escape with too few hexadecimal digits", std::to_string(digits));
      value = value * 16 + *digit;
      position_++;
    }
    return scalar(value);
  }
  char32_t scalar(char32_t value) const {
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) fail("has an escape that is no character");
    return value;
  }
  // Digits as a number; none where there are no digits here.
  std::optional<uint32_t> number(uint32_t most) {
    if (peek() < '0' || peek() > '9') return {};
    uint64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; position_++) {
      value = value * 10 + static_cast<uint64_t>(peek() - '0');
      if (value > most) fail("has too large a number", "at most " + std::to_string(most));
    }
    return static_cast<uint32_t>(value);
  }
  static std::optional<char32_t> digit_value(char c) {
    if (c >= '0' && c <= '9') return static_cast<char32_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<char32_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<char32_t>(c - 'A' + 10);
    return {};
  }

  // "LINE:COLUMN" for texts of several lines, else the byte.
  std::string place() const {
    const std::string_view before = text_.substr(0, position_);
    if (text_.find('\n') == std::string_view::npos) return "byte " + std::to_string(position_ + 1);
    size_t line = 1, start = 0;
    for (size_t i = 0; i < before.size(); i++) {
      if (before[i] == '\n') line++, start = i + 1;
    }
    return "line " + std::to_string(line) + ", byte " + std::to_string(position_ - start + 1);
  }
  [[noreturn]] void fail(const std::string& problem, const std::string& expected = {}) const {
    constexpr size_t shown = 20;
    std::string found(rest().substr(0, shown));
    while (!found.empty() && !tokenization::is_utf8(found)) found.pop_back();
    throw Error({.what = kind_ + " " + problem,
                 .file = file_,
                 .where = place(),
                 .expected = expected,
                 .found = done() ? "its end" : "\"" + found + (rest().size() > shown ? "...\"" : "\"")});
  }

 private:
  std::string_view text_;
  std::string kind_, file_;
  size_t position_ = 0;
};

}  // namespace foretell::constrain
