#include "constrain/grammar.h"

#include "constrain/gbnf.h"
#include "constrain/json_schema.h"
#include "constrain/recognizer.h"
#include "constrain/regex_syntax.h"

namespace foretell {

using namespace constrain;

Grammar Grammar::regex(std::string_view regex) {
  Rules rules;
  rules.set_root(parse_regex(rules, regex, Match::Whole));
  return Grammar(std::make_shared<const Parts>(std::move(rules)));
}

Grammar Grammar::gbnf(std::string_view text, const std::string& source) {
  return Grammar(std::make_shared<const Parts>(parse_gbnf(text, source)));
}

Grammar Grammar::json_schema(std::string_view schema, const std::string& source) {
  return Grammar(std::make_shared<const Parts>(parse_json_schema(schema, source)));
}

Grammar Grammar::json_object() { return Grammar(std::make_shared<const Parts>(any_json_object())); }

bool Grammar::matches(std::string_view text) const {
  Recognizer recognizer(parts_->automaton);
  const Recognizer::State state = recognizer.next(recognizer.start(), text);
  return state != Recognizer::dead && recognizer.accepts(state);
}

}  // namespace foretell
