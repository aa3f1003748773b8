#include "tokenizer/utf8.h"

#include <simdjson.h>

namespace foretell::tokenization {

size_t count_characters(std::string_view text) {
  size_t count = 0;
  for (char c : text) count += !is_continuation(c);
  return count;
}

void append_utf8(std::string& text, char32_t c) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  }
}

bool is_utf8(std::string_view bytes) { return simdjson::validate_utf8(bytes.data(), bytes.size()); }

Utf8Step read_utf8(std::string_view bytes) {
  using Kind = Utf8Step::Kind;
  const auto lead = static_cast<unsigned char>(bytes[0]);
  if (lead < 0x80) return {Kind::Character, 1};
  // The second byte's range depends on the first: no overlong forms, no surrogates, nothing above U+10FFFF.
  unsigned low = 0x80, high = 0xbf;
  size_t length = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return {Kind::Broken, 1};
  }
  for (size_t i = 1; i < length; ++i) {
    if (i == bytes.size()) return {Kind::Incomplete, i};
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte < low || byte > high) return {Kind::Broken, i};
    low = 0x80, high = 0xbf;
  }
  return {Kind::Character, length};
}

void Utf8Assembler::push(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!open_.empty()) {
    joined = open_.append(bytes);
    bytes = joined;
    open_.clear();
  }
  while (!bytes.empty()) {
    const Utf8Step step = read_utf8(bytes);
    if (step.kind == Utf8Step::Kind::Incomplete) {
      open_ = bytes;
      return;
    }
    if (step.kind == Utf8Step::Kind::Character) {
      out.append(bytes.substr(0, step.length));
    } else {
      append_utf8(out, replacement_character);
    }
    bytes.remove_prefix(step.length);
  }
}

void Utf8Assembler::finish(std::string& out) {
  if (!open_.empty()) append_utf8(out, replacement_character);
  open_.clear();
}

}  // namespace foretell::tokenization
