#include "constrain/schema_values.h"

#include <algorithm>
#include <functional>

#include "constrain/regex_syntax.h"
#include "constrain/string_formats.h"
#include "tokenizer/utf8.h"

namespace foretell::constrain {
namespace {

constexpr int most_nested = 1000;

bool is_kind(const OrderedJson& value, const OrderedJson& kind) {
  if (kind.is_array())
    return std::any_of(kind.begin(), kind.end(), [&value](const OrderedJson& k) { return is_kind(value, k); });
  if (kind == "integer") return value.is_number() && Decimal::of(value).fraction.empty();
  if (kind == "number") return value.is_number();
  return kind == value.type_name();
}

// Whether the value is not only equal to one of the list's, but that one.
bool is_entry(const OrderedJson& list, const OrderedJson& value) {
  constexpr std::less<> before;
  return !list.empty() && !before(&value, &list.front()) && !before(&list.back(), &value);
}

// The rest of |a| / b is nothing: in whole numbers, digit by digit.
bool is_multiple(const Decimal& a, const Decimal& b) {
  const size_t digits = std::max(a.fraction.size(), b.fraction.size());
  std::string units = b.whole + b.fraction + std::string(digits - b.fraction.size(), '0');
  units.erase(0, std::min(units.find_first_not_of('0'), units.size() - 1));
  constexpr size_t most = 18;
  if (units.size() > most) return a.is_zero();
  const uint64_t divisor = std::stoull(units);
  uint64_t rest = 0;
  for (const char c : a.whole + a.fraction + std::string(digits - a.fraction.size(), '0'))
    rest = (rest * 10 + static_cast<uint64_t>(c - '0')) % divisor;
  return rest == 0;
}

}  // namespace

const Dfa& SchemaValues::pattern(const SchemaRef& place, const std::string& regex) {
  const auto known = patterns_.find(regex);
  if (known != patterns_.end()) return known->second;
  Rules rules;
  try {
    return patterns_.emplace(regex, Dfa::of(rules, parse_regex(rules, regex, Match::Search))).first->second;
  } catch (const Error& error) {
    const std::string inner = error.parts().where;
    ErrorParts parts = error.parts();
    parts.where = place.pointer + (inner.empty() ? "" : ", " + inner);
    throw Error(parts).with({.file = document_.source()});
  }
}

const Dfa& SchemaValues::format(const SchemaRef& place) {
  const std::string& name = document_.text(place);
  const auto known = formats_.find(name);
  if (known != formats_.end()) return known->second;
  const std::string regex = format_regex(name);
  if (regex.empty())
    document_.fail(place, "the schema has a format that is not supported", "one of " + known_formats());
  Rules rules;
  return formats_.emplace(name, Dfa::of(rules, parse_regex(rules, regex, Match::Whole))).first->second;
}

bool SchemaValues::valid(const OrderedJson& value, const SchemaRef& schema, int depth) {
  if (schema.schema->is_boolean()) return *schema.schema == true;
  if (depth > most_nested) document_.fail(schema, "the schema refers to itself for ever");
  for (const auto& [name, operand] : document_.object(schema).items()) {
    if (!valid(value, document_.keyword(name, schema), schema, schema.at(name), depth + 1)) return false;
  }
  return true;
}

size_t SchemaValues::count_valid(const OrderedJson& value, const SchemaRef& list, int depth) {
  size_t count = 0;
  for (size_t i = 0; i < document_.list(list).size(); i++) count += valid(value, list.at(i), depth) ? 1 : 0;
  return count;
}

bool SchemaValues::valid_property(const OrderedJson& value, const std::string& name, const SchemaRef& schema,
                                  int depth) {
  Shape shape;
  shape.objects = {schema};
  const Conjunction schemas = property_schemas(
      shape, name, [&](const SchemaRef& place, const std::string& regex) { return matches(place, regex, name); });
  return std::all_of(schemas.begin(), schemas.end(),
                     [&](const SchemaRef& property) { return valid(value, property, depth); });
}

bool SchemaValues::valid(const OrderedJson& value, Keyword keyword, const SchemaRef& schema, const SchemaRef& operand,
                         int depth) {
  const auto compared = [&] { return Decimal::of(value).compare(Decimal::of(document_.number(operand))); };
  const auto length = [&] { return tokenization::count_characters(value.get_ref<const std::string&>()); };
  switch (keyword) {
    case Keyword::Annotation:
    case Keyword::Nullable:
    case Keyword::UniqueItems:  // refused where it says anything
      return true;
    case Keyword::Ref:
      return valid(value, document_.resolve(operand), depth);
    case Keyword::Type:
      return is_kind(value, *operand.schema) ||
             (value.is_null() && schema.schema->contains("nullable") && *schema.at("nullable").schema == true);
    case Keyword::Enum:
      return is_entry(*operand.schema, value) ||
             std::any_of(operand.schema->begin(), operand.schema->end(),
                         [&value](const OrderedJson& v) { return same_value(v, value); });
    case Keyword::Const:
      return same_value(*operand.schema, value);
    case Keyword::AllOf:
      return count_valid(value, operand, depth) == operand.schema->size();
    case Keyword::AnyOf:
      return count_valid(value, operand, depth) > 0;
    case Keyword::OneOf:
      return count_valid(value, operand, depth) == 1;
    case Keyword::Properties:
    case Keyword::PatternProperties:
    case Keyword::AdditionalProperties: {  // each of them says the same about a property
      if (!value.is_object()) return true;
      for (const auto& [name, item] : value.items()) {
        if (!valid_property(item, name, schema, depth)) return false;
      }
      return true;
    }
    case Keyword::PropertyNames: {
      if (!value.is_object()) return true;
      for (const auto& [name, item] : value.items()) {
        if (!valid(OrderedJson(name), operand, depth)) return false;
      }
      return true;
    }
    case Keyword::Required:
      return !value.is_object() ||
             std::all_of(operand.schema->begin(), operand.schema->end(),
                         [&value](const OrderedJson& name) { return value.contains(name.get<std::string>()); });
    case Keyword::MinProperties:
      return !value.is_object() || value.size() >= document_.count(operand);
    case Keyword::MaxProperties:
      return !value.is_object() || value.size() <= document_.count(operand);
    case Keyword::PrefixItems:
    case Keyword::Items: {
      if (!value.is_array()) return true;
      Shape shape;
      shape.arrays = {schema};
      for (size_t i = 0; i < value.size(); i++) {
        for (const SchemaRef& item : shape.item(i)) {
          if (!valid(value[i], item, depth)) return false;
        }
      }
      return true;
    }
    case Keyword::MinItems:
      return !value.is_array() || value.size() >= document_.count(operand);
    case Keyword::MaxItems:
      return !value.is_array() || value.size() <= document_.count(operand);
    case Keyword::Minimum:
      return !value.is_number() || compared() >= 0;
    case Keyword::Maximum:
      return !value.is_number() || compared() <= 0;
    case Keyword::ExclusiveMinimum:
      return !value.is_number() || compared() > 0;
    case Keyword::ExclusiveMaximum:
      return !value.is_number() || compared() < 0;
    case Keyword::MultipleOf:
      return !value.is_number() || is_multiple(Decimal::of(value), Decimal::of(document_.number(operand)));
    case Keyword::MinLength:
      return !value.is_string() || length() >= document_.count(operand);
    case Keyword::MaxLength:
      return !value.is_string() || length() <= document_.count(operand);
    case Keyword::Pattern:
      return !value.is_string() || matches(operand, document_.text(operand), value.get_ref<const std::string&>());
    case Keyword::Format:
      return !value.is_string() || format(operand).matches(value.get_ref<const std::string&>());
  }
  return false;
}

}  // namespace foretell::constrain
