#include "tokenizer/byte_alphabet.h"

#include "tokenizer/utf8.h"

namespace foretell::tokenization {
namespace {

struct Alphabet {
  std::array<char32_t, 256> characters{};
  std::array<int16_t, 0x144> bytes{};

  constexpr Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      const bool prints = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
      characters[b] = prints ? b : next++;
      bytes[characters[b]] = static_cast<int16_t>(b);
    }
  }
};

constexpr Alphabet alphabet;

}  // namespace

char32_t character_of_byte(unsigned char byte) { return alphabet.characters[byte]; }

int byte_of_character(char32_t c) { return c < alphabet.bytes.size() ? alphabet.bytes[c] : -1; }

std::string byte_name(unsigned char byte) {
  constexpr char digits[] = "0123456789ABCDEF";
  return {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
}

std::optional<std::string> spell_bytes(std::string_view name) {
  std::string bytes;
  for (size_t i = 0; i < name.size();) {
    const int byte = byte_of_character(next_character(name, i));
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

std::string name_of_bytes(std::string_view bytes) {
  std::string name;
  for (char c : bytes) append_utf8(name, character_of_byte(static_cast<unsigned char>(c)));
  return name;
}

}  // namespace foretell::tokenization
