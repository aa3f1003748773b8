// Whether a value is valid: for the values that a schema lists itself, which its other keywords may rule out.
#pragma once

#include <map>
#include <string>

#include "constrain/dfa.h"
#include "constrain/schema_shape.h"

namespace foretell::constrain {

class SchemaValues {
 public:
  explicit SchemaValues(const SchemaDocument& document) : document_(document) {}

  bool valid(const OrderedJson& value, const SchemaRef& schema) { return valid(value, schema, 0); }
  // A regular expression somewhere in the text; `place` is where it stands.
  bool matches(const SchemaRef& place, const std::string& regex, std::string_view text) {
    return pattern(place, regex).matches(text);
  }
  // The automata of a pattern and of a format; they are made once.
  const Dfa& pattern(const SchemaRef& place, const std::string& regex);
  const Dfa& format(const SchemaRef& place);

 private:
  bool valid(const OrderedJson& value, const SchemaRef& schema, int depth);
  bool valid(const OrderedJson& value, Keyword keyword, const SchemaRef& schema, const SchemaRef& operand, int depth);
  bool valid_property(const OrderedJson& value, const std::string& name, const SchemaRef& schema, int depth);
  size_t count_valid(const OrderedJson& value, const SchemaRef& list, int depth);

  const SchemaDocument& document_;
  std::map<std::string, Dfa> patterns_, formats_;
};

}  // namespace foretell::constrain
