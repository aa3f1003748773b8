// Named sets of characters, with the meaning that Oniguruma gives the names.
#pragma once

#include <string>
#include <string_view>

namespace foretell::tokenization {

// What stands for the set inside of a PCRE2 class, "\p{Nd}"; empty for an unknown name. Knows general categories
// (short and long), POSIX classes, scripts and binary properties; case, blanks, _ and - do not count.
std::string class_items_of(std::string_view name);

}  // namespace foretell::tokenization
