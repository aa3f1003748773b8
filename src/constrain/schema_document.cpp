#include "constrain/schema_document.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/near_names.h"

namespace foretell::constrain {
namespace {

constexpr int most_nested = 400;
constexpr size_t most_members = 5000;

// A key as a JSON pointer has it (RFC 6901).
std::string escaped(std::string_view key) {
  std::string result;
  for (const char c : key) {
    if (c == '~')
      result += "~0";
    else if (c == '/')
      result += "~1";
    else
      result += c;
  }
  return result;
}

// A step of a pointer in a URI's fragment as a key.
std::string unescaped(std::string_view step) {
  std::string result;
  const auto hex = [&step](size_t i) {
    const char c = i < step.size() ? step[i] : 'x';
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  for (size_t i = 0; i < step.size(); i++) {
    if (step[i] == '%' && hex(i + 1) >= 0 && hex(i + 2) >= 0) {
      result += static_cast<char>(hex(i + 1) * 16 + hex(i + 2));
      i += 2;
    } else {
      result += step[i];
    }
  }
  for (const auto& [code, sign] : {std::pair{"~1", "/"}, std::pair{"~0", "~"}}) {
    for (size_t at = 0; (at = result.find(code, at)) != std::string::npos; at++) result.replace(at, 2, sign);
  }
  return result;
}

const std::unordered_map<std::string, Keyword>& keywords() {
  static const std::unordered_map<std::string, Keyword> table = {
      {"$schema", Keyword::Annotation},
      {"$id", Keyword::Annotation},
      {"$anchor", Keyword::Annotation},
      {"$comment", Keyword::Annotation},
      {"$defs", Keyword::Annotation},
      {"definitions", Keyword::Annotation},
      {"title", Keyword::Annotation},
      {"description", Keyword::Annotation},
      {"default", Keyword::Annotation},
      {"examples", Keyword::Annotation},
      {"example", Keyword::Annotation},
      {"deprecated", Keyword::Annotation},
      {"readOnly", Keyword::Annotation},
      {"writeOnly", Keyword::Annotation},
      {"contentEncoding", Keyword::Annotation},
      {"contentMediaType", Keyword::Annotation},
      {"contentSchema", Keyword::Annotation},
      {"$ref", Keyword::Ref},
      {"type", Keyword::Type},
      {"nullable", Keyword::Nullable},
      {"enum", Keyword::Enum},
      {"const", Keyword::Const},
      {"allOf", Keyword::AllOf},
      {"anyOf", Keyword::AnyOf},
      {"oneOf", Keyword::OneOf},
      {"properties", Keyword::Properties},
      {"patternProperties", Keyword::PatternProperties},
      {"additionalProperties", Keyword::AdditionalProperties},
      {"propertyNames", Keyword::PropertyNames},
      {"required", Keyword::Required},
      {"minProperties", Keyword::MinProperties},
      {"maxProperties", Keyword::MaxProperties},
      {"prefixItems", Keyword::PrefixItems},
      {"items", Keyword::Items},
      {"minItems", Keyword::MinItems},
      {"maxItems", Keyword::MaxItems},
      {"uniqueItems", Keyword::UniqueItems},
      {"minimum", Keyword::Minimum},
      {"maximum", Keyword::Maximum},
      {"exclusiveMinimum", Keyword::ExclusiveMinimum},
      {"exclusiveMaximum", Keyword::ExclusiveMaximum},
      {"multipleOf", Keyword::MultipleOf},
      {"minLength", Keyword::MinLength},
      {"maxLength", Keyword::MaxLength},
      {"pattern", Keyword::Pattern},
      {"format", Keyword::Format}};
  return table;
}

}  // namespace

SchemaRef SchemaRef::at(std::string_view key) const {
  return {&(*schema)[std::string(key)], pointer + "/" + escaped(key)};
}
SchemaRef SchemaRef::at(size_t index) const { return {&(*schema)[index], pointer + "/" + std::to_string(index)}; }

SchemaDocument::SchemaDocument(std::string_view text, std::string source) : source_(std::move(source)) {
  check_no_nul(text, source_);
  std::vector<size_t> members;  // of the objects that are open, by depth
  const auto check = [&](int depth, OrderedJson::parse_event_t event, OrderedJson&) {
    if (depth > most_nested)
      throw Error({.what = "the schema is nested too deeply",
                   .file = source_,
                   .expected = "at most " + std::to_string(most_nested) + " levels"});
    const auto level = static_cast<size_t>(depth);
    members.resize(std::max(members.size(), level + 1));
    if (event == OrderedJson::parse_event_t::object_start) members[level] = 0;
    // The list of members is searched from the front for each of them.
    if (event == OrderedJson::parse_event_t::key && ++members[level - 1] > most_members)
      throw Error({.what = "an object of the schema is too large",
                   .file = source_,
                   .expected = "at most " + std::to_string(most_members) + " members"});
    return true;
  };
  try {
    document_ = OrderedJson::parse(text, check);
  } catch (const OrderedJson::parse_error& e) {
    throw invalid_json(source_, e.byte, e.what());
  } catch (const OrderedJson::exception& e) {
    throw Error({.what = "not valid JSON", .file = source_, .found = e.what()});
  }
  find_names(root(), "");
}

// $id and $anchor of all schemas. A relative $id is taken to lie beside its base.
void SchemaDocument::find_names(const SchemaRef& place, const std::string& base) {
  std::string id = base;
  if (place.schema->is_object()) {
    const auto name = place.schema->find("$id");
    if (name != place.schema->end() && name->is_string()) {
      id = name->get<std::string>();
      if (id.ends_with('#')) id.pop_back();
      if (id.find(':') == std::string::npos) id = base.substr(0, base.rfind('/') + 1) + id;
      names_.try_emplace(id, place);
    }
    const auto anchor = place.schema->find("$anchor");
    if (anchor != place.schema->end() && anchor->is_string())
      names_.try_emplace(id + "#" + anchor->get<std::string>(), place);
  }
  if (!place.schema->is_structured()) return;
  size_t index = 0;
  for (const auto& [key, value] : place.schema->items()) {
    if (value.is_structured() && key != "enum" && key != "const")
      find_names({&value, place.pointer + "/" + (place.schema->is_array() ? std::to_string(index) : escaped(key))}, id);
    index++;
  }
}

SchemaRef SchemaDocument::resolve(const SchemaRef& ref) const {
  const std::string& target = text(ref);
  const size_t hash = target.find('#');
  const std::string before = target.substr(0, hash);
  const std::string fragment = hash == std::string::npos ? "" : target.substr(hash + 1);
  SchemaRef place = root();
  const auto root_id = document_.is_object() ? document_.find("$id") : document_.end();
  const std::string id =
      document_.is_object() && root_id != document_.end() && root_id->is_string() ? root_id->get<std::string>() : "";
  if (!before.empty()) {
    auto named = names_.find(before);
    if (named == names_.end()) named = names_.find(id.substr(0, id.rfind('/') + 1) + before);
    if (named == names_.end())
      fail(ref, "the schema refers to another document: \"" + target + "\"", "a reference inside of it");
    place = named->second;
  }
  if (fragment.empty()) return place;
  if (fragment[0] != '/') {
    for (const std::string& base : {before, id}) {
      if (const auto named = names_.find(base + "#" + fragment); named != names_.end()) return named->second;
    }
    fail(ref, "the schema refers to an anchor that it does not have: \"" + target + "\"");
  }
  for (size_t at = 1; at <= fragment.size();) {
    const size_t end = std::min(fragment.find('/', at), fragment.size());
    const std::string key = unescaped(std::string_view(fragment).substr(at, end - at));
    at = end + 1;
    if (place.schema->is_object() && place.schema->contains(key)) {
      place = place.at(key);
    } else if (place.schema->is_array() && !key.empty() && key.size() < 9 &&
               std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
               std::stoul(key) < place.schema->size()) {
      place = place.at(std::stoul(key));
    } else {
      fail(ref, "the schema refers to a place that it does not have: \"" + target + "\"");
    }
  }
  return place;
}

Keyword SchemaDocument::keyword(const std::string& name, const SchemaRef& schema) const {
  const auto known = keywords().find(name);
  if (known != keywords().end()) return known->second;
  std::vector<std::string> names;
  for (const auto& [keyword, kind] : keywords()) names.push_back(keyword);
  std::sort(names.begin(), names.end());
  throw Error({.what = "the schema has a keyword that is not supported: " + name,
               .file = source_,
               .where = schema.pointer + "/" + escaped(name),
               .hint = did_you_mean(name, names)});
}

uint32_t SchemaDocument::count(const SchemaRef& value) const {
  const OrderedJson& number = *value.schema;
  const double count = number.is_number() ? number.get<double>() : -1;
  if (count < 0 || count != std::trunc(count))
    fail(value, "the schema has no count where one belongs", "a whole number of at least 0");
  return static_cast<uint32_t>(std::min<double>(count, unbounded - 1));
}

const std::string& SchemaDocument::text(const SchemaRef& value) const {
  if (!value.schema->is_string()) fail(value, "the schema has no text where one belongs", "a string");
  return value.schema->get_ref<const std::string&>();
}

const OrderedJson& SchemaDocument::number(const SchemaRef& value) const {
  if (!value.schema->is_number()) fail(value, "the schema has no number where one belongs", "a number");
  return *value.schema;
}

const OrderedJson& SchemaDocument::list(const SchemaRef& value) const {
  if (!value.schema->is_array() || value.schema->empty())
    fail(value, "the schema has no list where one belongs", "a list with an entry");
  return *value.schema;
}

const OrderedJson& SchemaDocument::object(const SchemaRef& value) const {
  if (!value.schema->is_object()) fail(value, "the schema has no object where one belongs", "an object");
  return *value.schema;
}

void SchemaDocument::fail(const SchemaRef& place, const std::string& what, const std::string& expected) const {
  std::string found = place.schema->is_structured() ? place.schema->type_name() : place.schema->dump();
  constexpr size_t most = 60;
  if (found.size() > most) found = place.schema->type_name();
  throw Error({.what = what,
               .file = source_,
               .where = place.pointer,
               .expected = expected,
               .found = expected.empty() ? "" : found});
}

}  // namespace foretell::constrain
