// JSON schemas (draft 2020-12) as rules for the JSON text of their values.
#pragma once

#include <string>
#include <string_view>

#include "constrain/rules.h"

namespace foretell::constrain {

// Properties come in the order in which the schema names them, others behind them. Throws Error, with the JSON pointer,
// for what is wrong or not supported.
Rules parse_json_schema(std::string_view text, const std::string& source);
// Any JSON object.
Rules any_json_object();

}  // namespace foretell::constrain
