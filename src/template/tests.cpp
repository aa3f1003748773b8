// What stands behind `is`.
#include <map>

#include "template/interpreter.h"
#include "template/strings.h"

namespace foretell::jinja {
namespace {

using Test = bool (*)(Interpreter&, const Value& value, const std::vector<Value>& arguments);

const Value& argument(const std::vector<Value>& arguments) {
  if (arguments.empty()) throw Failure("TypeError", "a test misses its argument");
  return arguments[0];
}

template <int low, int high>  // of compare()
bool ordered(std::string_view op, const Value& a, const std::vector<Value>& arguments) {
  const int order = compare(a, argument(arguments), op);
  return order == low || order == high;
}

bool leaves(Interpreter& in, const Value& value, const Value& divisor, int64_t rest) {
  return equal(arithmetic("%", value, divisor, in.budget()), rest);
}

bool is_iterable(const Value& v) { return v.is_undefined() || v.text() || v.sequence() || v.dict(); }
bool is_sequence(const Value& v) {  // has a length and items
  return v.is_undefined() || v.text() || v.dict() || (v.sequence() && v.sequence()->kind != List::Kind::Generator);
}

bool is_callable(const Value& v) { return v.is_undefined() || v.as<std::shared_ptr<Function>>() || v.object(); }

const std::map<std::string, Test, std::less<>>& table() {
  using A = const std::vector<Value>&;
  using V = const Value&;
  static const Test eq = [](Interpreter&, V v, A a) { return equal(v, argument(a)); };
  static const Test ne = [](Interpreter&, V v, A a) { return !equal(v, argument(a)); };
  static const Test lt = [](Interpreter&, V v, A a) { return ordered<-1, -1>("<", v, a); };
  static const Test le = [](Interpreter&, V v, A a) { return ordered<-1, 0>("<=", v, a); };
  static const Test gt = [](Interpreter&, V v, A a) { return ordered<1, 1>(">", v, a); };
  static const Test ge = [](Interpreter&, V v, A a) { return ordered<0, 1>(">=", v, a); };
  static const std::map<std::string, Test, std::less<>> tests = {
      {"defined", [](Interpreter&, V v, A) { return !v.is_undefined(); }},
      {"undefined", [](Interpreter&, V v, A) { return v.is_undefined(); }},
      {"none", [](Interpreter&, V v, A) { return v.is_none(); }},
      {"boolean", [](Interpreter&, V v, A) { return v.is_bool(); }},
      {"true", [](Interpreter&, V v, A) { return v.is_bool() && truth(v); }},
      {"false", [](Interpreter&, V v, A) { return v.is_bool() && !truth(v); }},
      {"integer", [](Interpreter&, V v, A) { return v.is_int(); }},
      {"float", [](Interpreter&, V v, A) { return v.is_float(); }},
      {"number", [](Interpreter&, V v, A) { return v.is_number(); }},
      {"string", [](Interpreter&, V v, A) { return v.text() != nullptr; }},
      {"mapping", [](Interpreter&, V v, A) { return v.dict() != nullptr; }},
      {"sequence", [](Interpreter&, V v, A) { return is_sequence(v); }},
      {"iterable", [](Interpreter&, V v, A) { return is_iterable(v); }},
      {"callable", [](Interpreter&, V v, A) { return is_callable(v); }},
      {"escaped", [](Interpreter&, V, A) { return false; }},
      {"lower", [](Interpreter& in, V v, A) { return is_all(to_text(v, in.budget()), "islower"); }},
      {"upper", [](Interpreter& in, V v, A) { return is_all(to_text(v, in.budget()), "isupper"); }},
      {"even", [](Interpreter& in, V v, A) { return leaves(in, v, int64_t{2}, 0); }},
      {"odd", [](Interpreter& in, V v, A) { return leaves(in, v, int64_t{2}, 1); }},
      {"divisibleby", [](Interpreter& in, V v, A a) { return leaves(in, v, argument(a), 0); }},
      {"in", [](Interpreter&, V v, A a) { return contains(argument(a), v); }},
      {"sameas",
       [](Interpreter&, V v, A a) {
         const Value& other = argument(a);
         if (type_name(v) != type_name(other)) return false;
         return v.identity() || other.identity() ? v.identity() == other.identity() || (v.text() && equal(v, other))
                                                 : equal(v, other);
       }},
      {"filter", [](Interpreter& in, V v, A) { return v.text() && in.has_filter(v.text()->bytes); }},
      {"test", [](Interpreter& in, V v, A) { return v.text() && in.has_test(v.text()->bytes); }},
      {"eq", eq},
      {"equalto", eq},
      {"==", eq},
      {"ne", ne},
      {"!=", ne},
      {"lt", lt},
      {"lessthan", lt},
      {"<", lt},
      {"le", le},
      {"<=", le},
      {"gt", gt},
      {"greaterthan", gt},
      {">", gt},
      {"ge", ge},
      {">=", ge}};
  return tests;
}

}  // namespace

bool Interpreter::has_test(const std::string& name) { return table().contains(name); }

bool Interpreter::test(const std::string& name, Arguments& arguments) {
  const auto it = table().find(name);
  if (it == table().end()) throw Failure("TemplateAssertionError", "No test named '" + name + "'.");
  std::vector<Value> rest(arguments.values.begin() + 1, arguments.values.end());
  for (const auto& [key, value] : arguments.named) rest.push_back(value);
  return it->second(*this, arguments.values[0], rest);
}

}  // namespace foretell::jinja
