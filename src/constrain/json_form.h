// JSON values as expressions: in one line, with at most one blank behind : and , and none elsewhere.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"
#include "constrain/rules.h"

namespace foretell::constrain {

using OrderedJson = nlohmann::ordered_json;

class JsonForm {
 public:
  explicit JsonForm(Rules& rules);

  ExpressionId comma() const { return comma_; }
  ExpressionId colon() const { return colon_; }
  ExpressionId value();   // any
  ExpressionId object();  // any
  ExpressionId array();   // any
  ExpressionId number();  // any
  ExpressionId boolean() { return rules_.choice({rules_.literal("true"), rules_.literal("false")}); }
  ExpressionId null() { return rules_.literal("null"); }
  // Any string of so many characters; they may be escaped in every way that JSON knows.
  ExpressionId string(uint32_t min = 0, uint32_t max = unbounded);
  // A string whose content, in Encoding::JsonString, is given.
  ExpressionId quoted(ExpressionId content);
  ExpressionId member(ExpressionId key, ExpressionId value) { return rules_.sequence({key, colon_, value}); }
  // The string itself, as content of a string.
  ExpressionId content(std::string_view text);
  // This very value.
  ExpressionId constant(const OrderedJson& value);

 private:
  Rules& rules_;
  ExpressionId comma_, colon_, character_;
  std::optional<RuleId> value_, object_, array_, number_, string_;
};

}  // namespace foretell::constrain
