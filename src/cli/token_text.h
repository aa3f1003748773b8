// Tokens as a person or a program reads them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "foretell/tokenizer.h"

namespace foretell::cli {

// The text of a token for a terminal: blanks as ␣, control characters escaped; cut to `width` columns.
std::string shown_token(std::string_view bytes, int width);

// A text for a terminal: line breaks and tabs as they are, other control characters escaped.
std::string harmless(std::string_view text);

// Adds the text under `name`, and where the bytes are no UTF-8 "bytes" with them. Without a tokenizer the text is
// empty.
void add_token(nlohmann::ordered_json& object, const Tokenizer* tokenizer, TokenId id, const char* name = "token");

}  // namespace foretell::cli
