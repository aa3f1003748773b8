// Properties of characters, with the meaning that the reference implementation gives them.
#pragma once

#include <string>

namespace foretell::tokenization {

bool is_white_space(char32_t c);      // White_Space
bool is_numeric(char32_t c);          // Nd, Nl or No
bool is_word(char32_t c);             // Alphabetic, M, Nd, Pc or Join_Control: \w of UTS 18
bool is_punctuation(char32_t c);      // P, and ASCII's other signs
bool is_combining_mark(char32_t c);   // M
bool is_nonspacing_mark(char32_t c);  // Mn
bool is_control(char32_t c);          // Cc, Cf or Co
// A number for the script of a character; 0 goes with any.
int script_of(char32_t c);

// Appends the lower case; one character has two.
void append_lowercase(std::string& text, char32_t c);

}  // namespace foretell::tokenization
