// The parts of a regular expression that stand for one character: classes and escapes.
#pragma once

#include "constrain/code_points.h"
#include "constrain/text_reader.h"

namespace foretell::constrain {

// What . matches: anything but the ends of lines that ECMAScript knows.
CodePointSet not_line_ends();
// A class from its [ on. Throws Error.
CodePointSet parse_class(TextReader& reader);
// An escape from its \ on: \n, \x41, \u0041, \u{1F600}, \d, \p{Lu}, or a sign. Throws Error.
CodePointSet parse_escape(TextReader& reader);

}  // namespace foretell::constrain
