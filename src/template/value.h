// What a template computes with: Python's values, as Jinja shows them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "template/limits.h"

namespace foretell::jinja {

class Value;

// A string, and which of its bytes are somebody's text. What the template itself writes is the rest: only there may
// special tokens be meant. Pieces keep their marks through every operation; what is made out of a marked text as a
// whole (tojson, format) is marked as a whole.
struct Text {
  std::string bytes;  // UTF-8
  std::string marks;  // one for each byte: 1 where it is somebody's text; empty: none is

  Text() = default;
  explicit Text(std::string all, bool marked = false);
  Text(std::string all, std::string its_marks) : bytes(std::move(all)), marks(std::move(its_marks)) {}
  bool marked() const { return marks.find('\1') != std::string::npos; }
  Text sub(size_t begin, size_t end) const;  // in bytes
  void append(const Text& other);
  void append(const std::string& other) { append(Text(other)); }
  void append(const char* other) { append(Text(std::string(other))); }
};

// Lists and the like. Templates cannot change them (jinja2's ImmutableSandboxedEnvironment), so they are shared.
struct List {
  enum class Kind { List, Tuple, Range, DictItems, DictKeys, DictValues, Generator };
  std::vector<Value> items;
  Kind kind = Kind::List;
  bool used = false;  // a generator gives its items once
  int depth = 1;      // of what is in it, so that nothing nests without end
};

struct Dict {
  std::vector<std::pair<Value, Value>> items;  // in order
  int depth = 1;
  const Value* find(const Value& key) const;
  void set(Value key, Value value);
};

// `namespace()`: what a template may change.
struct Namespace {
  std::vector<std::pair<std::string, Value>> items;
  int depth = 1;
  void set(const std::string& name, Value value);
};

// Arguments of a call.
struct Arguments {
  std::vector<Value> values;
  std::vector<std::pair<std::string, Value>> named;
};

class Interpreter;

// Macros, bound methods, built-in functions. `name` for messages.
struct Function {
  std::string name;
  std::string kind = "function";  // Python's type
  std::function<Value(Interpreter&, Arguments&)> call;
  int depth = 1;
};

// Something with attributes of its own: `loop`, `cycler`, a macro.
struct Object {
  virtual ~Object() = default;
  virtual std::string type() const = 0;
  virtual std::string repr() const { return "<" + type() + ">"; }
  virtual bool attribute(std::string_view name, Value& value) = 0;
  virtual std::shared_ptr<Function> callable() { return nullptr; }
};

struct Undefined {
  struct Use {
    std::string message;  // "'x' is undefined"
    std::string error;    // what using it raises
  };
  std::shared_ptr<const Use> use;
};
struct None {};

class Value {
 public:
  using Variant = std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const Text>,
                               std::shared_ptr<List>, std::shared_ptr<const Dict>, std::shared_ptr<Namespace>,
                               std::shared_ptr<Function>, std::shared_ptr<Object>>;

  Value() : v_(None{}) {}
  Value(bool b) : v_(b) {}                                                 // NOLINT
  Value(int64_t i) : v_(i) {}                                              // NOLINT
  Value(double d) : v_(d) {}                                               // NOLINT
  Value(Text text) : v_(std::make_shared<const Text>(std::move(text))) {}  // NOLINT
  Value(const char* text) : Value(Text(std::string(text))) {}              // NOLINT
  Value(std::string text) : Value(Text(std::move(text))) {}                // NOLINT
  Value(List list);                                                        // NOLINT
  Value(Dict dict);                                                        // NOLINT
  Value(std::shared_ptr<Namespace> space) : v_(std::move(space)) {}        // NOLINT
  Value(std::shared_ptr<Function> function) : v_(std::move(function)) {}   // NOLINT
  Value(std::shared_ptr<Object> object) : v_(std::move(object)) {}         // NOLINT
  static Value undefined(std::string message, std::string error = "UndefinedError") {
    Value value;
    value.v_ = Undefined{std::make_shared<const Undefined::Use>(Undefined::Use{std::move(message), std::move(error)})};
    return value;
  }
  static Value list(std::vector<Value> items, List::Kind kind = List::Kind::List) {
    return List{std::move(items), kind, false, 1};
  }

  template <class T>
  const T* as() const {
    return std::get_if<T>(&v_);
  }
  bool is_undefined() const { return as<Undefined>() != nullptr; }
  bool is_none() const { return as<None>() != nullptr; }
  bool is_bool() const { return as<bool>() != nullptr; }
  bool is_int() const { return as<int64_t>() != nullptr; }  // not bool
  bool is_float() const { return as<double>() != nullptr; }
  bool is_number() const { return is_bool() || is_int() || is_float(); }
  const Text* text() const {
    const auto* p = as<std::shared_ptr<const Text>>();
    return p ? p->get() : nullptr;
  }
  List* sequence() const {
    const auto* p = as<std::shared_ptr<List>>();
    return p ? p->get() : nullptr;
  }
  const Dict* dict() const {
    const auto* p = as<std::shared_ptr<const Dict>>();
    return p ? p->get() : nullptr;
  }
  Namespace* space() const {
    const auto* p = as<std::shared_ptr<Namespace>>();
    return p ? p->get() : nullptr;
  }
  std::shared_ptr<Function> function() const;  // of objects that can be called, too
  Object* object() const {
    const auto* p = as<std::shared_ptr<Object>>();
    return p ? p->get() : nullptr;
  }
  const void* identity() const;  // where two values share what they hold
  int depth() const;             // 0 of what holds nothing

 private:
  Variant v_;
};

// Python's names and truths.
std::string type_name(const Value& value);  // "str", "NoneType", ...
bool truth(const Value& value);
// str() and repr(), as Jinja prints them.
Text to_text(const Value& value, Budget& budget);
Text to_repr(const Value& value, Budget& budget);
std::string float_repr(double number);

// JSON in. `marked`: strings are somebody's text, but for roles that are plain names.
using OrderedJson = nlohmann::ordered_json;  // dicts have an order
Value from_json(const OrderedJson& json, bool marked);
// json.dumps of Python, with transformers' options: ensure_ascii, indent (-1: none), separators, sort_keys.
struct JsonStyle {
  bool ensure_ascii = false;
  int indent = -1;
  std::string indent_text = {};  // instead of so many blanks
  std::string item_separator = ", ", key_separator = ": ";
  bool sort_keys = false;
};
Text to_json(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace foretell::jinja
