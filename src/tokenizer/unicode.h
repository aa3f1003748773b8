// Properties of characters, by the names and with the meaning that the reference implementation gives them.
#pragma once

namespace foretell::tokenization {

bool is_white_space(char32_t c);  // White_Space
bool is_numeric(char32_t c);      // Nd, Nl or No
bool is_word(char32_t c);         // Alphabetic, M, Nd, Pc or Join_Control: \w of UTS 18

}  // namespace foretell::tokenization
