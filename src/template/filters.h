// What stands behind a bar. The table of names is filters.cpp's.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "template/interpreter.h"

namespace foretell::jinja {

// `arguments` begins with the value.
using Filter = Value (*)(Interpreter&, Arguments& arguments);
using Filters = std::map<std::string, Filter, std::less<>>;

void add_text_filters(Filters& filters);      // text_filters.cpp
void add_sequence_filters(Filters& filters);  // sequence_filters.cpp

}  // namespace foretell::jinja
