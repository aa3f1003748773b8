#include "tokenizer/base64.h"

#include <algorithm>
#include <cstdint>

namespace foretell::tokenization {
namespace {

int value_of(char c) {
  const auto between = [c](char first, char last) { return c >= first && c <= last; };
  if (between('A', 'Z')) return c - 'A';
  if (between('a', 'z')) return c - 'a' + 26;
  if (between('0', '9')) return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() / 3 * 4 + 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t word = 0;
    for (size_t j = 0; j < 3; ++j) word = word << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) text += j <= count ? base64_digits[word >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
  const size_t end = std::min(text.find('='), text.size());
  const std::string_view padding = text.substr(end);
  if (text.size() % 4 != 0 || (padding != "" && padding != "=" && padding != "==")) return std::nullopt;
  std::string bytes;
  uint32_t bits = 0;
  size_t count = 0;
  for (const char c : text.substr(0, end)) {
    const int digit = value_of(c);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (++count % 4 != 1) bytes += static_cast<char>(bits >> (4 - count % 4) % 4 * 2);
  }
  return bytes;
}

}  // namespace foretell::tokenization
