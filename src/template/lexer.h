// Cuts a template into text and tokens, as jinja2 does with trim_blocks and lstrip_blocks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "template/value.h"

namespace foretell::jinja {

struct Token {
  enum class Kind {
    Data,  // text between tags
    PrintBegin,
    PrintEnd,
    BlockBegin,
    BlockEnd,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End
  };
  Kind kind = Kind::End;
  std::string text;  // a string without its quotes and escapes
  Value number;
  int line = 1;
};

// Throws Failure (TemplateSyntaxError).
std::vector<Token> lex(std::string_view source);

}  // namespace foretell::jinja
