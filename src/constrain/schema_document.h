// A JSON schema as a document: its keywords, and where its references lead.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "constrain/json_form.h"
#include "foretell/error.h"

namespace foretell::constrain {

// A schema inside of the document: true, false or an object of keywords.
struct SchemaRef {
  const OrderedJson* schema = nullptr;
  std::string pointer;  // "#/properties/age"

  SchemaRef at(std::string_view key) const;  // a keyword's value
  SchemaRef at(size_t index) const;          // an entry of a list
  bool operator==(const SchemaRef& other) const { return schema == other.schema; }
};

enum class Keyword {
  Annotation,  // says nothing about what is valid
  Ref,
  Type,
  Nullable,
  Enum,
  Const,
  AllOf,
  AnyOf,
  OneOf,
  Properties,
  PatternProperties,
  AdditionalProperties,
  PropertyNames,
  Required,
  MinProperties,
  MaxProperties,
  PrefixItems,
  Items,
  MinItems,
  MaxItems,
  UniqueItems,
  Minimum,
  Maximum,
  ExclusiveMinimum,
  ExclusiveMaximum,
  MultipleOf,
  MinLength,
  MaxLength,
  Pattern,
  Format,
};

class SchemaDocument {
 public:
  // Throws Error where the text is no JSON or nested too deeply. `source` names it in errors.
  SchemaDocument(std::string_view text, std::string source);

  SchemaRef root() const { return {&document_, "#"}; }
  // What a $ref points to: a JSON pointer, an $anchor or the $id of a schema of this document. Throws Error.
  SchemaRef resolve(const SchemaRef& ref) const;
  // Throws Error for a keyword that is unknown or not supported.
  Keyword keyword(const std::string& name, const SchemaRef& schema) const;

  // What keywords hold; each throws Error for what is not of the kind.
  uint32_t count(const SchemaRef& value) const;  // a whole number of at least 0; very many is unbounded - 1
  const std::string& text(const SchemaRef& value) const;
  const OrderedJson& number(const SchemaRef& value) const;
  const OrderedJson& list(const SchemaRef& value) const;  // with at least one entry
  const OrderedJson& object(const SchemaRef& value) const;

  [[noreturn]] void fail(const SchemaRef& place, const std::string& what, const std::string& expected = {}) const;
  const std::string& source() const { return source_; }

 private:
  void find_names(const SchemaRef& schema, const std::string& base);

  std::string source_;
  OrderedJson document_;
  std::unordered_map<std::string, SchemaRef> names_;  // of $id and $anchor
};

}  // namespace foretell::constrain
