// Regular expressions, in the syntax of ECMAScript with the u flag and of Python's re, as far as both mean the same.
//
// What looks around or back (lookahead, \b, backreferences) is not regular or not local, and an error that names it.
// \d and \w are ASCII, \s is what ECMAScript takes for white space, and . is any character but a line's end.
#pragma once

#include <string_view>

#include "constrain/rules.h"

namespace foretell::constrain {

enum class Match {
  Whole,   // the expression matches the whole text
  Search,  // it matches somewhere in the text
};

// `encoding`: how the characters of the text are written. Throws Error, with the place in the expression.
ExpressionId parse_regex(Rules& rules, std::string_view regex, Match match, Encoding encoding = Encoding::Text);

}  // namespace foretell::constrain
