#include "tokenizer/json_node.h"

#include "foretell/error.h"
#include "tokenizer/utf8.h"

namespace foretell::tokenization {
namespace {

using simdjson::dom::element_type;

const char* type_name(element_type type) {
  switch (type) {
    case element_type::ARRAY:
      return "an array";
    case element_type::OBJECT:
      return "an object";
    case element_type::INT64:
    case element_type::UINT64:
      return "an integer";
    case element_type::DOUBLE:
      return "a number";
    case element_type::STRING:
      return "a string";
    case element_type::BOOL:
      return "a boolean";
    case element_type::NULL_VALUE:
      return "null";
  }
  return "another value";
}

}  // namespace

void JsonNode::fail(const std::string& what, const std::string& expected, const std::string& found) const {
  throw Error({.what = what, .file = file_->string(), .where = place_, .expected = expected, .found = found});
}

void JsonNode::fail_type(const char* expected) const {
  fail("value has another type", expected, type_name(element_.type()));
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  simdjson::dom::object object;
  if (element_.get(object) != simdjson::SUCCESS) fail_type("an object");
  // The last of several members with one key counts, as in other readers.
  std::optional<simdjson::dom::element> found;
  for (const auto member : object) {
    if (member.key == key) found = member.value;
  }
  if (!found || found->is_null()) return std::nullopt;
  return JsonNode(*found, place_.empty() ? std::string(key) : place_ + "." + std::string(key), file_);
}

JsonNode JsonNode::get(std::string_view key) const {
  if (auto member = find(key)) return *std::move(member);
  throw Error({.what = "a key is missing",
               .file = file_->string(),
               .where = place_.empty() ? "the outermost object" : place_,
               .expected = "\"" + std::string(key) + "\""});
}

std::vector<JsonNode> JsonNode::items() const {
  simdjson::dom::array array;
  if (element_.get(array) != simdjson::SUCCESS) fail_type("an array");
  std::vector<JsonNode> nodes;
  for (const auto item : array) nodes.emplace_back(item, place_ + "[" + std::to_string(nodes.size()) + "]", file_);
  return nodes;
}

std::vector<std::pair<std::string_view, JsonNode>> JsonNode::members() const {
  simdjson::dom::object object;
  if (element_.get(object) != simdjson::SUCCESS) fail_type("an object");
  std::vector<std::pair<std::string_view, JsonNode>> nodes;
  for (const auto member : object) {
    nodes.emplace_back(member.key, JsonNode(member.value, place_ + "." + std::string(member.key), file_));
  }
  return nodes;
}

std::string_view JsonNode::string() const {
  std::string_view value;
  if (element_.get(value) != simdjson::SUCCESS) fail_type("a string");
  return value;
}

bool JsonNode::boolean() const {
  bool value = false;
  if (element_.get(value) != simdjson::SUCCESS) fail_type("a boolean");
  return value;
}

double JsonNode::number() const {
  double value = 0;
  if (element_.get(value) != simdjson::SUCCESS) fail_type("a number");
  return value;
}

int64_t JsonNode::integer(int64_t least, int64_t most) const {
  int64_t value = 0;
  if (element_.get(value) != simdjson::SUCCESS) fail_type("an integer");
  if (value < least || value > most) {
    fail("number is out of range", std::to_string(least) + " to " + std::to_string(most), std::to_string(value));
  }
  return value;
}

char32_t JsonNode::character() const {
  const std::string_view text = string();
  size_t position = 0;
  if (count_characters(text) != 1) fail("string has another length", "one character", "\"" + std::string(text) + "\"");
  return next_character(text, position);
}

bool JsonNode::boolean(std::string_view key, bool otherwise) const {
  const auto member = find(key);
  return member ? member->boolean() : otherwise;
}

std::string JsonNode::string(std::string_view key, std::string_view otherwise) const {
  const auto member = find(key);
  return std::string(member ? member->string() : otherwise);
}

}  // namespace foretell::tokenization
