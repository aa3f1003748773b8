// What schemas that hold together ask of a value, put together by kind of value.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "constrain/number_form.h"
#include "constrain/schema_document.h"

namespace foretell::constrain {

// Schemas that all hold, without those that ask nothing.
using Conjunction = std::vector<SchemaRef>;

// Kinds of values, as bits. 1.5 is a Fraction; "number" is both.
enum : unsigned {
  Null = 1,
  Boolean = 2,
  Object = 4,
  Array = 8,
  String = 16,
  Integer = 32,
  Fraction = 64,
  AnyKind = 127
};

struct Shape {
  unsigned kinds = AnyKind;                // 0: no value fits
  std::vector<const OrderedJson*> values;  // the value is one of these, where `listed`
  bool listed = false;

  std::optional<NumberBound> least, most;
  std::vector<Decimal> multiples_of;

  uint32_t min_length = 0, max_length = unbounded;
  std::vector<SchemaRef> patterns, formats;

  // The schemas that speak of items, or of properties: which of their parts holds for a value depends on the others.
  std::vector<SchemaRef> arrays, objects;
  uint32_t min_items = 0, max_items = unbounded;
  uint32_t min_properties = 0, max_properties = unbounded;
  std::vector<std::string> required;

  Conjunction item(size_t index) const;
};

class ShapeReader {
 public:
  explicit ShapeReader(const SchemaDocument& document) : document_(document) {}

  // The alternatives of which the value has one; anyOf is multiplied out. Throws Error for a oneOf whose alternatives
  // may hold together.
  std::vector<Shape> shapes(const Conjunction& schemas) const;
  // Whether no value fits both. `deep`: how many levels of properties and items are looked at.
  bool disjoint(const Shape& a, const Shape& b, int deep) const;

 private:
  struct Choice {
    SchemaRef list;  // anyOf or oneOf
    bool exclusive = false;
    std::vector<const OrderedJson*> inside;  // the schemas that it is part of
  };
  struct Partial {
    Shape shape;
    std::vector<Choice> choices;
  };

  void collect(const SchemaRef& schema, Partial& partial, std::vector<const OrderedJson*> inside) const;
  void collect_keyword(Keyword keyword, const SchemaRef& schema, const SchemaRef& value, Partial& partial,
                       const std::vector<const OrderedJson*>& inside) const;
  void expand(Partial partial, std::vector<Shape>& shapes) const;
  void check_exclusive(const Partial& partial, const Choice& choice) const;
  unsigned kinds_of(const SchemaRef& type) const;
  void take_values(const std::vector<const OrderedJson*>& values, Shape& shape) const;
  bool disjoint(const Conjunction& a, const Conjunction& b, int deep) const;

  const SchemaDocument& document_;
};

// The schemas that hold for a property of a name: of `properties`, else of patterns that match, else
// additionalProperties. `matches` tells whether a pattern matches the name.
Conjunction property_schemas(const Shape& shape, const std::string& name,
                             const std::function<bool(const SchemaRef& patterns, const std::string& pattern)>& matches);
// Appends a schema where it asks something.
void add_schema(Conjunction& schemas, const SchemaRef& schema);

// Equal as JSON values: the order of an object's members does not count.
bool same_value(const OrderedJson& a, const OrderedJson& b);

}  // namespace foretell::constrain
