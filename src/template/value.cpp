#include "template/value.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "template/operators.h"

namespace foretell::jinja {

Text::Text(std::string all, bool marked) : bytes(std::move(all)) {
  if (marked) marks.assign(bytes.size(), '\1');
}

Text Text::sub(size_t begin, size_t end) const {
  return {bytes.substr(begin, end - begin), marks.empty() ? std::string() : marks.substr(begin, end - begin)};
}

void Text::append(const Text& other) {
  if (!other.marks.empty() || !marks.empty()) {
    marks.resize(bytes.size(), '\0');
    marks += other.marks;
    marks.resize(bytes.size() + other.bytes.size(), '\0');
  }
  bytes += other.bytes;
}

const Value* Dict::find(const Value& key) const {
  for (const auto& [k, v] : items)
    if (equal(k, key)) return &v;
  return nullptr;
}

void Dict::set(Value key, Value value) {
  for (auto& [k, v] : items) {
    if (!equal(k, key)) continue;
    v = std::move(value);
    return;
  }
  items.emplace_back(std::move(key), std::move(value));
}

static int deeper_than(int depth) {
  constexpr int most = 400;
  if (depth >= most) throw Failure("LimitError", "a value nests more than 400 levels deep");
  return depth + 1;
}

Value::Value(List list) {
  int depth = 0;
  for (const Value& item : list.items) depth = std::max(depth, item.depth());
  list.depth = deeper_than(depth);
  v_ = std::make_shared<List>(std::move(list));
}

Value::Value(Dict dict) {
  int depth = 0;
  for (const auto& [key, value] : dict.items) depth = std::max({depth, key.depth(), value.depth()});
  dict.depth = deeper_than(depth);
  v_ = std::make_shared<const Dict>(std::move(dict));
}

void Namespace::set(const std::string& name, Value value) {
  depth = std::max(depth, deeper_than(value.depth()));
  for (auto& [key, old] : items) {
    if (key != name) continue;
    old = std::move(value);
    return;
  }
  items.emplace_back(name, std::move(value));
}

int Value::depth() const {
  if (sequence()) return sequence()->depth;
  if (dict()) return dict()->depth;
  if (space()) return space()->depth;
  if (const auto* p = as<std::shared_ptr<Function>>()) return (*p)->depth;
  return object() ? 1 : 0;
}

std::shared_ptr<Function> Value::function() const {
  if (const auto* p = as<std::shared_ptr<Function>>()) return *p;
  return object() ? object()->callable() : nullptr;
}

const void* Value::identity() const {
  if (text()) return text();
  if (sequence()) return sequence();
  if (dict()) return dict();
  if (space()) return space();
  if (const auto* p = as<std::shared_ptr<Function>>()) return p->get();
  return object();
}

std::string type_name(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "NoneType";
  if (value.is_bool()) return "bool";
  if (value.is_int()) return "int";
  if (value.is_float()) return "float";
  if (value.text()) return "str";
  if (const List* list = value.sequence()) {
    switch (list->kind) {
      case List::Kind::List:
        return "list";
      case List::Kind::Tuple:
        return "tuple";
      case List::Kind::Range:
        return "range";
      case List::Kind::DictItems:
        return "dict_items";
      case List::Kind::DictKeys:
        return "dict_keys";
      case List::Kind::DictValues:
        return "dict_values";
      case List::Kind::Generator:
        return "generator";
    }
  }
  if (value.dict()) return "dict";
  if (value.space()) return "Namespace";
  if (const auto* p = value.as<std::shared_ptr<Function>>()) return (*p)->kind;
  return value.object()->type();
}

bool truth(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (const bool* b = value.as<bool>()) return *b;
  if (const int64_t* i = value.as<int64_t>()) return *i != 0;
  if (const double* d = value.as<double>()) return *d != 0;
  if (value.text()) return !value.text()->bytes.empty();
  if (const List* list = value.sequence()) return list->kind == List::Kind::Generator || !list->items.empty();
  if (value.dict()) return !value.dict()->items.empty();
  return true;
}

// The shortest digits that read back as the same number; Python's choice between the two notations.
std::string float_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  const double size = std::abs(number);
  char buffer[64];
  if (size != 0 && (size < 1e-4 || size >= 1e16)) {
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
    return {buffer, end};
  }
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed).ptr);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

// A name that a program gives, and that stands within special tokens ("<|" + role + "|>") in many templates. It cannot
// spell one of its own.
static bool is_plain_name(const OrderedJson& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

Value from_json(const OrderedJson& json, bool marked) {
  if (json.is_null()) return {};
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return json.get<double>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return Text(json.get<std::string>(), marked);
  if (json.is_array()) {
    std::vector<Value> items;
    for (const OrderedJson& item : json) items.push_back(from_json(item, marked));
    return Value::list(std::move(items));
  }
  Dict dict;
  for (const auto& [key, value] : json.items()) {
    const bool name = key == "role" && is_plain_name(value);
    dict.items.emplace_back(Text(key, marked), from_json(value, marked && !name));
  }
  return dict;
}

}  // namespace foretell::jinja
