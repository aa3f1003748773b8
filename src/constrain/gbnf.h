// GBNF, the notation of grammars that llama.cpp documents (grammars/README.md there).
#pragma once

#include <string>
#include <string_view>

#include "constrain/rules.h"

namespace foretell::constrain {

// The rules of a grammar; `root` is where it starts. `file` names it in errors. Throws Error with the place.
Rules parse_gbnf(std::string_view text, const std::string& file);

}  // namespace foretell::constrain
