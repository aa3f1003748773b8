// Walks a template's tree.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "template/ast.h"
#include "template/limits.h"
#include "template/operators.h"

namespace foretell::jinja {

// Names that are visible in a part of a template; the outer ones are, too.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> outer) : outer_(std::move(outer)) {}
  const Value* find(const std::string& name) const;
  void set(const std::string& name, Value value) { names_[name] = std::move(value); }

 private:
  std::unordered_map<std::string, Value> names_;
  std::shared_ptr<Scope> outer_;
};
using ScopePtr = std::shared_ptr<Scope>;

class Interpreter {
 public:
  // `variables`: a dict of what the template is given. `now`: what strftime_now shows.
  Interpreter(const Dict& variables, std::chrono::system_clock::time_point now, Budget& budget);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  Text render(const Body& body);
  // Namespaces may hold each other in circles, which are cut in the end.
  void watch(const std::shared_ptr<Namespace>& space) { namespaces_.push_back(space); }

  Budget& budget() { return budget_; }
  std::chrono::system_clock::time_point now() const { return now_; }

  Value call(const Value& callee, Arguments& arguments);
  Value filter(const std::string& name, Arguments& arguments);  // the first of the values is what it is applied to
  bool test(const std::string& name, Arguments& arguments);
  static bool has_filter(const std::string& name);
  static bool has_test(const std::string& name);
  // `a.name`: an attribute or method, else an item; and `a["name"]`, the other way round.
  Value attribute(const Value& object, const std::string& name);
  Value item(const Value& object, const Value& key);

 private:
  enum class Flow { Next, Break, Continue };
  friend struct Statements;
  friend struct Expressions;
  friend class LoopObject;

  Flow execute(const Body& body);
  Flow execute(const Stmt& statement);
  Value evaluate(const Expr& expr);
  Arguments evaluate(const CallArguments& arguments);
  void assign(const Target& target, Value value);
  void loop(const For& node, const Value& items, int depth);
  void loop_over(const For& node, std::vector<Value> items, int depth);
  Value macro(const std::string& name, const Signature& signature, const Body& body);
  Text run_macro(const std::string& name, const Signature& signature, const Body& body, const ScopePtr& scope,
                 Arguments& arguments);
  Text capture(const Body& body);  // what it prints
  Value lookup(const std::string& name);
  void print(const Text& text);
  Value chain(const Chain& node);
  bool compare(const std::string& op, const Value& a, const Value& b);

  // For its life names go into a new scope.
  class Enter {
   public:
    explicit Enter(Interpreter& in) : Enter(in, in.scope_) {}
    Enter(Interpreter& in, const ScopePtr& outer) : in_(in), before_(in.scope_) {
      in_.scope_ = std::make_shared<Scope>(outer);
    }
    ~Enter() { in_.scope_ = before_; }
    Enter(const Enter&) = delete;
    Enter& operator=(const Enter&) = delete;

   private:
    Interpreter& in_;
    ScopePtr before_;
  };

  Budget& budget_;
  const std::chrono::system_clock::time_point now_;
  ScopePtr scope_;
  Text* out_ = nullptr;  // where prints go
  std::vector<std::weak_ptr<Namespace>> namespaces_;
};

// What names stand for without being given: range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
const Value* global(const std::string& name);
// The methods of strings, lists and dicts that change nothing; undefined with Python's error for those that would.
bool method(const Value& object, const std::string& name, Value& value);
// What stands for an attribute that a template may not have.
Value unsafe(const Value& object, const std::string& name);
// str.format, and what stands behind the colon of a field.
Text format_text(Interpreter& in, const Text& format, const Arguments& arguments);
Text format_value(Interpreter& in, const Value& value, const std::string& spec);

// The arguments of a call to something built in, by place or name, with what is missing left undefined... Throws
// TypeError for what is too much.
class Parameters {
 public:
  Parameters(std::string function, Arguments& arguments, std::vector<std::string> names);
  const Value* find(size_t index) const { return values_[index].is_undefined() ? nullptr : &values_[index]; }
  bool given(size_t index) const { return given_[index]; }
  const Value& at(size_t index) const { return values_[index]; }
  const Value& required(size_t index) const;
  int64_t integer(size_t index, int64_t fallback) const;
  bool flag(size_t index, bool fallback) const;
  Text text(size_t index, std::string_view fallback, Budget& budget) const;

 private:
  std::string function_;
  std::vector<std::string> names_;
  std::vector<Value> values_;
  std::vector<bool> given_;
};

}  // namespace foretell::jinja
