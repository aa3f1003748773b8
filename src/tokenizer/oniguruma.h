// From Oniguruma's Ruby syntax, which tokenizer.json's regular expressions have, to PCRE2's.
#pragma once

#include <string>
#include <string_view>

namespace foretell::tokenization {

// An expression for PCRE2 (UTF, UCP, MULTILINE) that matches what Oniguruma's would. `pattern` is valid UTF-8. Throws
// Error (without file or place) where a construct has no counterpart.
std::string translate_oniguruma(std::string_view pattern);

}  // namespace foretell::tokenization
