#include "constrain/schema_shape.h"

#include <algorithm>

namespace foretell::constrain {
namespace {

constexpr size_t most_shapes = 10'000;
constexpr size_t most_exclusive = 500;

constexpr std::pair<const char*, unsigned> kind_names[] = {
    {"null", Null},       {"boolean", Boolean},          {"object", Object}, {"array", Array}, {"string", String},
    {"integer", Integer}, {"number", Integer | Fraction}};

void raise(std::optional<NumberBound>& least, const NumberBound& bound) {
  const int order = least ? bound.value.compare(least->value) : 1;
  if (order > 0 || (order == 0 && bound.exclusive)) least = bound;
}
void lower(std::optional<NumberBound>& most, const NumberBound& bound) {
  const int order = most ? bound.value.compare(most->value) : -1;
  if (order < 0 || (order == 0 && bound.exclusive)) most = bound;
}

void add_once(std::vector<SchemaRef>& list, const SchemaRef& schema) {
  if (std::find(list.begin(), list.end(), schema) == list.end()) list.push_back(schema);
}

}  // namespace

bool same_value(const OrderedJson& a, const OrderedJson& b) {
  if (a.is_structured() && b.is_structured()) return Json(a) == Json(b);  // the members in any order
  return a == b;
}

void add_schema(Conjunction& schemas, const SchemaRef& schema) {
  const OrderedJson& json = *schema.schema;
  if (json == true || (json.is_object() && json.empty())) return;
  add_once(schemas, schema);
}

Conjunction Shape::item(size_t index) const {
  Conjunction result;
  for (const SchemaRef& array : arrays) {
    const size_t prefix = array.schema->contains("prefixItems") ? (*array.schema)["prefixItems"].size() : 0;
    if (index < prefix)
      add_schema(result, array.at("prefixItems").at(index));
    else if (array.schema->contains("items"))
      add_schema(result, array.at("items"));
  }
  return result;
}

Conjunction property_schemas(const Shape& shape, const std::string& name,
                             const std::function<bool(const SchemaRef&, const std::string&)>& matches) {
  Conjunction result;
  for (const SchemaRef& object : shape.objects) {
    bool named = false;
    if (object.schema->contains("properties") && (*object.schema)["properties"].contains(name)) {
      named = true;
      add_schema(result, object.at("properties").at(name));
    }
    if (object.schema->contains("patternProperties")) {
      const SchemaRef patterns = object.at("patternProperties");
      for (const auto& [pattern, schema] : patterns.schema->items()) {
        if (!matches(patterns, pattern)) continue;
        named = true;
        add_schema(result, patterns.at(pattern));
      }
    }
    if (!named && object.schema->contains("additionalProperties"))
      add_schema(result, object.at("additionalProperties"));
  }
  return result;
}

std::vector<Shape> ShapeReader::shapes(const Conjunction& schemas) const {
  Partial partial;
  for (const SchemaRef& schema : schemas) collect(schema, partial, {});
  std::vector<Shape> result;
  expand(std::move(partial), result);
  return result;
}

void ShapeReader::collect(const SchemaRef& schema, Partial& partial, std::vector<const OrderedJson*> inside) const {
  const OrderedJson& json = *schema.schema;
  if (json.is_boolean()) {
    if (json == false) partial.shape.kinds = 0;
    return;
  }
  if (!json.is_object())
    document_.fail(schema, "the schema has no schema where one belongs", "an object, true or false");
  if (std::find(inside.begin(), inside.end(), &json) != inside.end())
    document_.fail(schema, "the schema refers to itself for ever");
  inside.push_back(&json);
  for (const auto& [name, value] : json.items())
    collect_keyword(document_.keyword(name, schema), schema, {&value, schema.at(name).pointer}, partial, inside);
}

void ShapeReader::collect_keyword(Keyword keyword, const SchemaRef& schema, const SchemaRef& value, Partial& partial,
                                  const std::vector<const OrderedJson*>& inside) const {
  Shape& shape = partial.shape;
  switch (keyword) {
    case Keyword::Annotation:
      return;
    case Keyword::Ref:
      return collect(document_.resolve(value), partial, inside);
    case Keyword::Type: {
      const auto nullable = schema.schema->find("nullable");
      const bool null = nullable != schema.schema->end() && *nullable == true;
      shape.kinds &= kinds_of(value) | (null ? Null : 0U);
      return;
    }
    case Keyword::Nullable:
      if (!value.schema->is_boolean()) document_.fail(value, "nullable is neither true nor false", "true or false");
      return;
    case Keyword::Enum: {
      std::vector<const OrderedJson*> values;
      for (const OrderedJson& v : document_.list(value)) values.push_back(&v);
      return take_values(values, shape);
    }
    case Keyword::Const:
      return take_values({value.schema}, shape);
    case Keyword::AllOf:
      for (size_t i = 0; i < document_.list(value).size(); i++) collect(value.at(i), partial, inside);
      return;
    case Keyword::AnyOf:
    case Keyword::OneOf:
      (void)document_.list(value);
      partial.choices.push_back({value, keyword == Keyword::OneOf, inside});
      return;
    case Keyword::Properties:
    case Keyword::PatternProperties:
      (void)document_.object(value);
      return add_once(shape.objects, schema);
    case Keyword::AdditionalProperties:
    case Keyword::PropertyNames:
      return add_once(shape.objects, schema);
    case Keyword::Required:
      if (!value.schema->is_array()) document_.fail(value, "required is no list", "a list of names");
      for (size_t i = 0; i < value.schema->size(); i++) {
        const std::string& name = document_.text(value.at(i));
        if (std::find(shape.required.begin(), shape.required.end(), name) == shape.required.end())
          shape.required.push_back(name);
      }
      return;
    case Keyword::MinProperties:
      shape.min_properties = std::max(shape.min_properties, document_.count(value));
      return;
    case Keyword::MaxProperties:
      shape.max_properties = std::min(shape.max_properties, document_.count(value));
      return;
    case Keyword::PrefixItems:
      (void)document_.list(value);
      return add_once(shape.arrays, schema);
    case Keyword::Items:
      if (value.schema->is_array())
        document_.fail(value, "items is a list, which has been called prefixItems since 2020-12", "a schema");
      return add_once(shape.arrays, schema);
    case Keyword::MinItems:
      shape.min_items = std::max(shape.min_items, document_.count(value));
      return;
    case Keyword::MaxItems:
      shape.max_items = std::min(shape.max_items, document_.count(value));
      return;
    case Keyword::UniqueItems:
      if (*value.schema != false) document_.fail(value, "uniqueItems is not supported", "false");
      return;
    case Keyword::Minimum:
    case Keyword::ExclusiveMinimum:
      return raise(shape.least, {Decimal::of(document_.number(value)), keyword == Keyword::ExclusiveMinimum});
    case Keyword::Maximum:
    case Keyword::ExclusiveMaximum:
      return lower(shape.most, {Decimal::of(document_.number(value)), keyword == Keyword::ExclusiveMaximum});
    case Keyword::MultipleOf: {
      const Decimal grid = Decimal::of(document_.number(value));
      if (grid.negative || grid.is_zero()) document_.fail(value, "multipleOf is not above 0", "a number above 0");
      shape.multiples_of.push_back(grid);
      return;
    }
    case Keyword::MinLength:
      shape.min_length = std::max(shape.min_length, document_.count(value));
      return;
    case Keyword::MaxLength:
      shape.max_length = std::min(shape.max_length, document_.count(value));
      return;
    case Keyword::Pattern:
      (void)document_.text(value);
      return add_once(shape.patterns, value);
    case Keyword::Format:
      (void)document_.text(value);
      return add_once(shape.formats, value);
  }
}

unsigned ShapeReader::kinds_of(const SchemaRef& type) const {
  if (type.schema->is_array()) {
    unsigned kinds = 0;
    for (size_t i = 0; i < type.schema->size(); i++) kinds |= kinds_of(type.at(i));
    return kinds;
  }
  std::string expected;
  for (const auto& [name, kinds] : kind_names) {
    if (*type.schema == name) return kinds;
    expected += (expected.empty() ? "" : ", ") + std::string(name);
  }
  document_.fail(type, "the schema has an unknown type", "one of " + expected);
}

// Only values that are in all lists are left.
void ShapeReader::take_values(const std::vector<const OrderedJson*>& values, Shape& shape) const {
  if (!shape.listed) {
    shape.values = values;
    shape.listed = true;
    return;
  }
  std::erase_if(shape.values, [&values](const OrderedJson* v) {
    return std::none_of(values.begin(), values.end(), [v](const OrderedJson* other) { return same_value(*v, *other); });
  });
}

// Multiplies the alternatives out.
void ShapeReader::expand(Partial partial, std::vector<Shape>& shapes) const {
  if (partial.shape.kinds == 0) return;
  if (partial.choices.empty()) {
    if (shapes.size() == most_shapes)
      throw Error({.what = "the schema's anyOf and oneOf make too many alternatives together",
                   .file = document_.source(),
                   .expected = "at most " + std::to_string(most_shapes)});
    shapes.push_back(std::move(partial.shape));
    return;
  }
  const Choice choice = std::move(partial.choices.back());
  partial.choices.pop_back();
  if (choice.exclusive) check_exclusive(partial, choice);
  for (size_t i = 0; i < choice.list.schema->size(); i++) {
    Partial one = partial;
    collect(choice.list.at(i), one, choice.inside);
    expand(std::move(one), shapes);
  }
}

void ShapeReader::check_exclusive(const Partial& partial, const Choice& choice) const {
  const size_t count = choice.list.schema->size();
  if (count > most_exclusive)
    document_.fail(choice.list, "oneOf has too many alternatives", "at most " + std::to_string(most_exclusive));
  std::vector<std::vector<Shape>> alternatives(count);
  for (size_t i = 0; i < count; i++) {
    Partial one{partial.shape, {}};
    collect(choice.list.at(i), one, choice.inside);
    expand(std::move(one), alternatives[i]);
  }
  constexpr int deep = 4;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < i; j++) {
      for (const Shape& a : alternatives[i]) {
        for (const Shape& b : alternatives[j]) {
          if (!(a.listed && b.listed) && !disjoint(a, b, deep))
            document_.fail(choice.list.at(i), "an alternative of oneOf may hold together with #" + std::to_string(j) +
                                                  ", which is not supported (anyOf allows it)");
        }
      }
    }
  }
}

}  // namespace foretell::constrain
