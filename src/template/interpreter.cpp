#include "template/interpreter.h"

#include <algorithm>

namespace foretell::jinja {

const Value* Scope::find(const std::string& name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer_.get()) {
    const auto it = scope->names_.find(name);
    if (it != scope->names_.end()) return &it->second;
  }
  return nullptr;
}

Interpreter::Interpreter(const Dict& variables, std::chrono::system_clock::time_point now, Budget& budget)
    : budget_(budget), now_(now), scope_(std::make_shared<Scope>(nullptr)) {
  Budget::current = &budget;
  for (const auto& [name, value] : variables.items) scope_->set(name.text()->bytes, value);
  scope_ = std::make_shared<Scope>(scope_);
}

Interpreter::~Interpreter() {
  for (const std::weak_ptr<Namespace>& space : namespaces_)
    if (const auto alive = space.lock()) alive->items.clear();
  Budget::current = nullptr;
}

Text Interpreter::render(const Body& body) {
  Text out;
  out_ = &out;
  execute(body);
  out_ = nullptr;
  return out;
}

void Interpreter::print(const Text& text) {
  budget_.spend(std::ssize(text.bytes) / 16 + 1);
  out_->append(text);
  if (std::ssize(out_->bytes) > Budget::most_output) budget_.make_text(std::ssize(out_->bytes));
}

Text Interpreter::capture(const Body& body) {
  Text text;
  Text* before = std::exchange(out_, &text);
  try {
    execute(body);
  } catch (...) {
    out_ = before;
    throw;
  }
  out_ = before;
  return text;
}

Value Interpreter::lookup(const std::string& name) {
  if (const Value* value = scope_->find(name)) return *value;
  if (const Value* value = global(name)) return *value;
  return Value::undefined("'" + name + "' is undefined");
}

void Interpreter::assign(const Target& target, Value value) {
  if (!target.parts.empty()) {
    const std::vector<Value> items = iterate(value, budget_);
    const size_t wanted = target.parts.size();
    if (items.size() > wanted)
      throw Failure("ValueError", "too many values to unpack (expected " + std::to_string(wanted) + ")");
    if (items.size() < wanted)
      throw Failure("ValueError", "not enough values to unpack (expected " + std::to_string(wanted) + ", got " +
                                      std::to_string(items.size()) + ")");
    for (size_t i = 0; i < wanted; i++) assign(target.parts[i], items[i]);
    return;
  }
  if (target.attribute.empty()) return scope_->set(target.name, std::move(value));
  Value space = lookup(target.name);
  if (!space.space()) throw Failure("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
  space.space()->set(target.attribute, std::move(value));
}

Value Interpreter::call(const Value& callee, Arguments& arguments) {
  const Budget::Level guard(budget_);
  budget_.spend(20);
  require_defined(callee);
  const std::shared_ptr<Function> function = callee.function();
  if (!function) throw Failure("TypeError", "'" + type_name(callee) + "' object is not callable");
  return function->call(*this, arguments);
}

static Value missing(const Value& object, const std::string& name) {
  require_defined(object);
  if (object.is_none()) return Value::undefined("'None' has no attribute '" + name + "'");
  return Value::undefined("'" + type_name(object) + " object' has no attribute '" + name + "'");
}

Value unsafe(const Value& object, const std::string& name) {
  return Value::undefined("access to attribute '" + name + "' of '" + type_name(object) + "' object is unsafe.",
                          "SecurityError");
}

static bool own_attribute(const Value& object, const std::string& name, Value& value) {
  if (Object* o = object.object()) return o->attribute(name, value);
  if (const Namespace* space = object.space()) {
    for (const auto& [key, item] : space->items) {
      if (key != name) continue;
      value = item;
      return true;
    }
    return false;
  }
  return method(object, name, value);
}

Value Interpreter::attribute(const Value& object, const std::string& name) {
  Value value;
  if (name != "__class__") require_defined(object);  // which every object of Python has
  if (name.starts_with("__")) {
    const Value* found = object.dict() ? object.dict()->find(Value(name)) : nullptr;
    return found ? *found : unsafe(object, name);
  }
  if (own_attribute(object, name, value)) return value;
  if (const Dict* dict = object.dict())
    if (const Value* found = dict->find(Value(name))) return *found;
  return missing(object, name);
}

Value Interpreter::item(const Value& object, const Value& key) {
  require_defined(object);
  if (object.dict() && (key.dict() || (key.sequence() && key.sequence()->kind == List::Kind::List)))
    return Value::undefined("unhashable type: '" + type_name(key) + "'", "TypeError");
  if (const Dict* dict = object.dict()) {
    if (const Value* found = dict->find(key)) return *found;
  } else if (key.is_int() || key.is_bool()) {
    const Value found = subscript(object, key);
    const int64_t at = as_index(key);
    const bool has_items = object.text() || object.sequence();
    if (has_items) {
      const int64_t size = object.sequence() && object.sequence()->kind == List::Kind::Generator ? 0 : length(object);
      if (at >= -size && at < size) return found;
    }
  }
  if (key.text()) {
    Value value;
    const std::string& name = key.text()->bytes;
    if (name.starts_with("__")) return unsafe(object, name);
    if (own_attribute(object, name, value)) return value;
    return missing(object, name);
  }
  if (object.is_none()) return Value::undefined("'None' has no attribute " + to_repr(key, budget_).bytes);
  return Value::undefined("'" + type_name(object) + " object' has no attribute " + to_repr(key, budget_).bytes);
}

Parameters::Parameters(std::string function, Arguments& arguments, std::vector<std::string> names)
    : function_(std::move(function)), names_(std::move(names)) {
  values_.assign(names_.size(), Value::undefined(""));
  given_.assign(names_.size(), false);
  if (arguments.values.size() > names_.size())
    throw Failure("TypeError", function_ + "() takes " + std::to_string(names_.size()) + " positional arguments but " +
                                   std::to_string(arguments.values.size()) + " were given");
  for (size_t i = 0; i < arguments.values.size(); i++) {
    values_[i] = arguments.values[i];
    given_[i] = true;
  }
  for (const auto& [key, value] : arguments.named) {
    const auto it = std::find(names_.begin(), names_.end(), key);
    if (it == names_.end())
      throw Failure("TypeError", function_ + "() got an unexpected keyword argument '" + key + "'");
    const auto i = static_cast<size_t>(it - names_.begin());
    if (given_[i]) throw Failure("TypeError", function_ + "() got multiple values for argument '" + key + "'");
    values_[i] = value;
    given_[i] = true;
  }
}

const Value& Parameters::required(size_t index) const {
  if (!given_[index])
    throw Failure("TypeError", function_ + "() missing 1 required positional argument: '" + names_[index] + "'");
  return values_[index];
}

int64_t Parameters::integer(size_t index, int64_t fallback) const {
  return !given_[index] || values_[index].is_none() ? fallback : as_index(values_[index]);
}

bool Parameters::flag(size_t index, bool fallback) const { return given_[index] ? truth(values_[index]) : fallback; }

Text Parameters::text(size_t index, std::string_view fallback, Budget& budget) const {
  return given_[index] ? to_text(values_[index], budget) : Text(std::string(fallback));
}

}  // namespace foretell::jinja
