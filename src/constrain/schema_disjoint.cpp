// Whether two shapes can have a value in common, where that is easy to see.
#include <algorithm>

#include "constrain/schema_shape.h"

namespace foretell::constrain {
namespace {

unsigned kind_of(const OrderedJson& value) {
  switch (value.type()) {
    case OrderedJson::value_t::null:
      return Null;
    case OrderedJson::value_t::boolean:
      return Boolean;
    case OrderedJson::value_t::object:
      return Object;
    case OrderedJson::value_t::array:
      return Array;
    case OrderedJson::value_t::string:
      return String;
    default:
      return Decimal::of(value).fraction.empty() ? Integer : Fraction;
  }
}

// `low` is the least of one range and `high` the most of another: nothing is in both.
bool apart(const std::optional<NumberBound>& low, const std::optional<NumberBound>& high) {
  if (!low || !high) return false;
  const int order = low->value.compare(high->value);
  return order > 0 || (order == 0 && (low->exclusive || high->exclusive));
}

bool lists_value(const Shape& shape, const OrderedJson& value) {
  if ((shape.kinds & kind_of(value)) == 0) return false;
  if (shape.listed)
    return std::any_of(shape.values.begin(), shape.values.end(),
                       [&](const OrderedJson* v) { return same_value(*v, value); });
  if (!value.is_number()) return true;
  const NumberBound here{Decimal::of(value), false};
  return !apart(shape.least, here) && !apart(here, shape.most);
}

// What the property has to be valid by in any case, where names may match patterns that are not looked at here.
Conjunction certain_schemas(const Shape& shape, const std::string& name) {
  Shape known;
  for (const SchemaRef& object : shape.objects) {
    const bool listed = object.schema->contains("properties") && (*object.schema)["properties"].contains(name);
    if (listed || !object.schema->contains("patternProperties")) known.objects.push_back(object);
  }
  return property_schemas(known, name, [](const SchemaRef&, const std::string&) { return false; });
}

bool requires_property(const Shape& shape, const std::string& name) {
  return std::find(shape.required.begin(), shape.required.end(), name) != shape.required.end();
}

}  // namespace

bool ShapeReader::disjoint(const Conjunction& a, const Conjunction& b, int deep) const {
  if (deep == 0) return false;
  const std::vector<Shape> first = shapes(a), second = shapes(b);
  return std::all_of(first.begin(), first.end(), [&](const Shape& x) {
    return std::all_of(second.begin(), second.end(), [&](const Shape& y) { return disjoint(x, y, deep - 1); });
  });
}

bool ShapeReader::disjoint(const Shape& a, const Shape& b, int deep) const {
  for (const auto& pair : {std::pair{&a, &b}, std::pair{&b, &a}}) {
    const Shape &listed = *pair.first, &other = *pair.second;
    if (!listed.listed) continue;
    return std::none_of(listed.values.begin(), listed.values.end(), [&](const OrderedJson* v) {
      return (listed.kinds & kind_of(*v)) != 0 && lists_value(other, *v);
    });
  }
  const unsigned both = a.kinds & b.kinds;
  if ((both & (Null | Boolean)) != 0) return false;
  if ((both & (Integer | Fraction)) != 0 && !apart(a.least, b.most) && !apart(b.least, a.most)) return false;
  if ((both & String) != 0 && a.min_length <= b.max_length && b.min_length <= a.max_length) return false;
  if ((both & Array) != 0 && a.min_items <= b.max_items && b.min_items <= a.max_items) {
    bool apart_somewhere = false;
    for (size_t i = 0; i < std::min(a.min_items, b.min_items) && i < 8; i++)
      apart_somewhere = apart_somewhere || disjoint(a.item(i), b.item(i), deep);
    if (!apart_somewhere) return false;
  }
  if ((both & Object) == 0) return true;
  if (a.min_properties > b.max_properties || b.min_properties > a.max_properties) return true;
  for (const auto& [one, other] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
    for (const std::string& name : one->required) {
      const Conjunction theirs = certain_schemas(*other, name);
      if (shapes(theirs).empty()) return true;
      if (requires_property(*other, name) && disjoint(certain_schemas(*one, name), theirs, deep)) return true;
    }
  }
  return false;
}

}  // namespace foretell::constrain
