// A template's text to its tree.
#pragma once

#include <string_view>

#include "template/ast.h"
#include "template/limits.h"

namespace foretell::jinja {

// Throws Failure (TemplateSyntaxError) with the line.
Body parse(std::string_view source, Budget& budget);

}  // namespace foretell::jinja
