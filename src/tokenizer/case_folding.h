// Case-insensitive matches of several characters with one, which Oniguruma makes and PCRE2 does not.
#pragma once

#include <string>
#include <string_view>

namespace foretell::tokenization {

// An expression for the beginning of `literal` where that folds to other numbers of characters ("ss" and "ß"), and how
// many bytes it is for; empty, and 0 bytes, where it does not.
struct CaselessLiteral {
  std::string expression = {};
  size_t length = 0;
};
CaselessLiteral caseless_literal(std::string_view literal);

}  // namespace foretell::tokenization
