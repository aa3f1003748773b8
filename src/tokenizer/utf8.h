// UTF-8: reading, writing and repairing. Texts inside the tokenizer are valid UTF-8 from the first step on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace foretell::tokenization {

inline constexpr char32_t replacement_character = 0xfffd;

inline bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The bytes of the character that starts with `lead`, in valid UTF-8.
inline size_t character_length(char lead) {
  const auto c = static_cast<unsigned char>(lead);
  return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

// Reads the character at `position` of valid UTF-8 and moves behind it.
inline char32_t next_character(std::string_view text, size_t& position) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[position + i])); };
  const char32_t lead = byte(0);
  char32_t c = lead;
  size_t length = 1;
  if (lead >= 0xf0) {
    c = (lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
    length = 4;
  } else if (lead >= 0xe0) {
    c = (lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    length = 3;
  } else if (lead >= 0x80) {
    c = (lead & 0x1f) << 6 | (byte(1) & 0x3f);
    length = 2;
  }
  position += length;
  return c;
}

// The start of the character that the byte before `position` belongs to.
inline size_t previous_character(std::string_view text, size_t position) {
  do --position;
  while (position > 0 && is_continuation(text[position]));
  return position;
}

size_t count_characters(std::string_view text);
void append_utf8(std::string& text, char32_t c);
bool is_utf8(std::string_view bytes);

// What stands at the front of some bytes.
struct Utf8Step {
  enum class Kind { Character, Broken, Incomplete } kind;
  size_t length;  // the bytes of the character, or those that one U+FFFD stands for
};
// `bytes` is not empty. Broken bytes are taken as "maximal subparts" (Unicode 15, 3.9, U+FFFD substitution), as in all
// current decoders; Incomplete is a character of which only the beginning is there.
Utf8Step read_utf8(std::string_view bytes);

// Puts text together from pieces of bytes and gives it out by whole characters.
class Utf8Assembler {
 public:
  // Appends to `out` what `bytes` completes; broken bytes come out as U+FFFD.
  void push(std::string_view bytes, std::string& out);
  // Appends U+FFFD where a character was left open.
  void finish(std::string& out);

 private:
  std::string open_;  // the beginning of a character
};

}  // namespace foretell::tokenization
