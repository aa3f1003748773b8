// The alphabet of byte-level vocabularies: a printable character for each byte (GPT-2's bytes_to_unicode). Bytes that
// print stand for themselves, the others follow from U+0100 on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace foretell::tokenization {

// The character of a byte; all are below U+0144.
char32_t character_of_byte(unsigned char byte);
// The byte of a character; -1 where there is none.
int byte_of_character(char32_t c);

// How vocabularies with byte fallback name a byte: "<0xE2>".
std::string byte_name(unsigned char byte);

// The bytes that a name of the vocabulary spells; nothing where it has a character outside of the alphabet.
std::optional<std::string> spell_bytes(std::string_view name);
// The name of some bytes.
std::string name_of_bytes(std::string_view bytes);

}  // namespace foretell::tokenization
