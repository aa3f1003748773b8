// The formats of JSON strings, as regular expressions.
#pragma once

#include <string>
#include <string_view>

namespace foretell::constrain {

// Matches whole strings of the format; empty for an unknown one.
std::string format_regex(std::string_view format);
// "date, time, ..."
std::string known_formats();

}  // namespace foretell::constrain
