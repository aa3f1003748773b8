#include "constrain/json_form.h"

#include <cmath>

#include "constrain/automaton.h"
#include "constrain/number_form.h"
#include "tokenizer/utf8.h"

namespace foretell::constrain {
namespace {

// A character of a string as RFC 8259 has it; \u escapes of halves come in pairs.
ExpressionId string_character(Rules& rules) {
  CodePointSet plain{{' ', 0x10ffff}};
  plain = plain.without({{'"', '"'}, {'\\', '\\'}});
  const auto one_of = [&rules](std::initializer_list<CodePointRange> ranges) { return rules.characters(ranges); };
  const ExpressionId hex = one_of({{'0', '9'}, {'a', 'f'}, {'A', 'F'}});
  const ExpressionId d = one_of({{'d', 'd'}, {'D', 'D'}});
  const ExpressionId not_d = one_of({{'0', '9'}, {'a', 'c'}, {'A', 'C'}, {'e', 'f'}, {'E', 'F'}});
  const ExpressionId low = one_of({{'0', '7'}}), high_half = one_of({{'8', '9'}, {'a', 'b'}, {'A', 'B'}}),
                     low_half = one_of({{'c', 'f'}, {'C', 'F'}});
  const ExpressionId code =
      rules.choice({rules.sequence({not_d, hex, hex, hex}), rules.sequence({d, low, hex, hex}),
                    rules.sequence({d, high_half, hex, hex, rules.literal("\\u"), d, low_half, hex, hex})});
  const ExpressionId sign =
      one_of({{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', 'b'}, {'f', 'f'}, {'n', 'n'}, {'r', 'r'}, {'t', 't'}});
  return rules.choice(
      {rules.characters(plain),
       rules.sequence({rules.literal("\\"), rules.choice({sign, rules.sequence({rules.literal("u"), code})})})});
}

}  // namespace

JsonForm::JsonForm(Rules& rules) : rules_(rules) {
  const ExpressionId blank = rules.optional(rules.literal(" "));
  comma_ = rules.sequence({rules.literal(","), blank});
  colon_ = rules.sequence({rules.literal(":"), blank});
  character_ = string_character(rules);
}

ExpressionId JsonForm::quoted(ExpressionId content) {
  return rules_.sequence({rules_.literal("\""), content, rules_.literal("\"")});
}

ExpressionId JsonForm::string(uint32_t min, uint32_t max) {
  if (min > max) return rules_.never();
  if (min > 0 || max != unbounded) return quoted(rules_.repeat(character_, min, max));
  if (!string_) {
    string_ = rules_.add_rule("string");
    rules_.define(*string_, quoted(rules_.repeat(character_, 0, unbounded)));
  }
  return rules_.rule(*string_);
}

ExpressionId JsonForm::number() {
  if (!number_) {
    number_ = rules_.add_rule("number");
    rules_.define(*number_, number_expression(rules_, {}));
  }
  return rules_.rule(*number_);
}

ExpressionId JsonForm::object() {
  if (object_) return rules_.rule(*object_);
  object_ = rules_.add_rule("object");
  const ExpressionId pair = member(string(), value());
  const ExpressionId more = rules_.repeat(rules_.sequence({comma_, pair}), 0, unbounded);
  rules_.define(*object_, rules_.sequence({rules_.literal("{"), rules_.optional(rules_.sequence({pair, more})),
                                           rules_.literal("}")}));
  return rules_.rule(*object_);
}

ExpressionId JsonForm::array() {
  if (array_) return rules_.rule(*array_);
  array_ = rules_.add_rule("array");
  const ExpressionId more = rules_.repeat(rules_.sequence({comma_, value()}), 0, unbounded);
  rules_.define(*array_, rules_.sequence({rules_.literal("["), rules_.optional(rules_.sequence({value(), more})),
                                          rules_.literal("]")}));
  return rules_.rule(*array_);
}

ExpressionId JsonForm::value() {
  if (value_) return rules_.rule(*value_);
  value_ = rules_.add_rule("value");
  rules_.define(*value_, rules_.choice({object(), array(), string(), number(), boolean(), null()}));
  return rules_.rule(*value_);
}

ExpressionId JsonForm::content(std::string_view text) {
  std::vector<ExpressionId> parts;
  std::string plain;
  const auto flush = [&] {
    if (!plain.empty()) parts.push_back(rules_.literal(plain));
    plain.clear();
  };
  for (size_t at = 0; at < text.size();) {
    const char32_t c = tokenization::next_character(text, at);
    if (c >= ' ' && c != '"' && c != '\\') {
      tokenization::append_utf8(plain, c);
      continue;
    }
    flush();
    parts.push_back(rules_.characters({{c, c}}, Encoding::JsonString));
  }
  flush();
  return rules_.sequence(std::move(parts));
}

ExpressionId JsonForm::constant(const OrderedJson& value) {
  if (value.is_string()) return quoted(content(value.get_ref<const std::string&>()));
  if (value.is_number_float()) {  // 1.0 is 1
    const double number = value.get<double>();
    constexpr double exact = 9007199254740992;  // 2^53
    if (std::abs(number) <= exact && number == std::trunc(number))
      return rules_.literal(std::to_string(static_cast<int64_t>(number)));
  }
  if (!value.is_structured()) return rules_.literal(value.dump());
  std::vector<ExpressionId> parts = {rules_.literal(value.is_object() ? "{" : "[")};
  for (const auto& [key, item] : value.items()) {
    if (parts.size() > 1) parts.push_back(comma_);
    parts.push_back(value.is_object() ? member(quoted(content(key)), constant(item)) : constant(item));
  }
  parts.push_back(rules_.literal(value.is_object() ? "}" : "]"));
  return rules_.sequence(std::move(parts));
}

}  // namespace foretell::constrain
