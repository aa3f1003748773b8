// How statements are carried out.
#include <algorithm>

#include "template/interpreter.h"

namespace foretell::jinja {

// `loop`, inside of a for.
class LoopObject : public Object {
 public:
  LoopObject(std::vector<Value> items, int depth, Value again)
      : items_(std::move(items)), depth_(depth), again_(std::move(again)) {}
  std::string type() const override { return "LoopContext"; }
  size_t size() const { return items_.size(); }
  const Value& start(size_t index) {
    index_ = index;
    return items_[index];
  }

  bool attribute(std::string_view name, Value& value) override {
    const auto index = static_cast<int64_t>(index_), size = std::ssize(items_);
    if (name == "index") return value = index + 1, true;
    if (name == "index0") return value = index, true;
    if (name == "revindex") return value = size - index, true;
    if (name == "revindex0") return value = size - index - 1, true;
    if (name == "first") return value = index == 0, true;
    if (name == "last") return value = index == size - 1, true;
    if (name == "length") return value = size, true;
    if (name == "depth") return value = static_cast<int64_t>(depth_), true;
    if (name == "depth0") return value = static_cast<int64_t>(depth_ - 1), true;
    if (name == "previtem") {
      value = index > 0 ? items_[index_ - 1] : Value::undefined("there is no previous item");
      return true;
    }
    if (name == "nextitem") {
      value = index + 1 < size ? items_[index_ + 1] : Value::undefined("there is no next item");
      return true;
    }
    if (name == "cycle") return value = cycle(), true;
    if (name == "changed") return value = changed(), true;
    return false;
  }

  std::shared_ptr<Function> callable() override {
    if (again_.is_none())
      throw Failure("TypeError", "The loop must have the 'recursive' marker to be called recursively.");
    return again_.function();
  }

 private:
  Value cycle() {
    auto function = std::make_shared<Function>();
    function->call = [index = index_](Interpreter&, Arguments& arguments) {
      if (arguments.values.empty()) throw Failure("TypeError", "no items for cycling given");
      return arguments.values[index % arguments.values.size()];
    };
    return function;
  }

  Value changed() {
    auto function = std::make_shared<Function>();
    function->call = [last = last_](Interpreter&, Arguments& arguments) {
      const Value now = Value::list(arguments.values, List::Kind::Tuple);
      const bool is_new = last->is_undefined() || !equal(*last, now);
      *last = now;
      return Value(is_new);
    };
    return function;
  }

  std::vector<Value> items_;
  size_t index_ = 0;
  int depth_;
  Value again_;  // how it is called, or none
  std::shared_ptr<Value> last_ = std::make_shared<Value>(Value::undefined(""));
};

Interpreter::Flow Interpreter::execute(const Body& body) {
  const Budget::Level guard(budget_);
  for (const StmtPtr& statement : body) {
    const Flow flow = execute(*statement);
    if (flow != Flow::Next) return flow;
  }
  return Flow::Next;
}

struct Statements {
  Interpreter& in;
  using Flow = Interpreter::Flow;

  Flow operator()(const Data& node) const {
    in.print(Text(node.text));
    return Flow::Next;
  }

  Flow operator()(const Print& node) const {
    in.print(to_text(in.evaluate(*node.value), in.budget_));
    return Flow::Next;
  }

  Flow operator()(const If& node) const {
    for (const auto& [test, body] : node.branches)
      if (truth(in.evaluate(*test))) return in.execute(body);
    return in.execute(node.otherwise);
  }

  Flow operator()(const For& node) const {
    in.loop(node, in.evaluate(*node.items), 1);
    return Flow::Next;
  }

  Flow operator()(const Set& node) const {
    if (node.value) {
      in.assign(node.target, in.evaluate(*node.value));
      return Flow::Next;
    }
    in.assign(node.target, block(node.body, node.filter));
    return Flow::Next;
  }

  Flow operator()(const Macro& node) const {
    in.scope_->set(node.name, in.macro(node.name, node.signature, node.body));
    return Flow::Next;
  }

  Flow operator()(const CallBlock& node) const {
    const auto& call = std::get<Call>(node.call->node);
    const Value callee = in.evaluate(*call.callee);
    Arguments arguments = in.evaluate(call.arguments);
    arguments.named.emplace_back("caller", in.macro("caller", node.signature, node.body));
    in.print(to_text(in.call(callee, arguments), in.budget_));
    return Flow::Next;
  }

  Flow operator()(const FilterBlock& node) const {
    in.print(to_text(block(node.body, node.filter), in.budget_));
    return Flow::Next;
  }

  Flow operator()(const With& node) const {
    std::vector<Value> values;
    for (const auto& [target, value] : node.values) values.push_back(in.evaluate(*value));
    const Interpreter::Enter scope(in);
    for (size_t i = 0; i < values.size(); i++) in.assign(node.values[i].first, values[i]);
    return in.execute(node.body);
  }

  Flow operator()(const Jump& node) const { return node.out ? Flow::Break : Flow::Continue; }

 private:
  // What a body prints, through a filter where there is one.
  Value block(const Body& body, const ExprPtr& filter) const {
    Value text;
    {
      const Interpreter::Enter scope(in);
      text = in.capture(body);
    }
    return filter ? through(text, *filter) : text;
  }

  Value through(const Value& text, const Expr& expr) const {
    const auto& call = std::get<FilterCall>(expr.node);
    Arguments arguments = in.evaluate(call.arguments);
    arguments.values.insert(arguments.values.begin(), call.operand ? through(text, *call.operand) : text);
    return in.filter(call.name, arguments);
  }
};

Interpreter::Flow Interpreter::execute(const Stmt& statement) {
  budget_.spend(1);
  try {
    return std::visit(Statements{*this}, statement.node);
  } catch (Failure& failure) {
    failure.at_line(statement.line);
    throw;
  }
}

void Interpreter::loop(const For& node, const Value& items, int depth) {
  const Budget::Level guard(budget_);
  std::vector<Value> all = iterate(items, budget_);
  if (node.test) {
    std::vector<Value> some;
    for (Value& item : all) {
      budget_.spend(15);
      const Enter scope(*this);
      assign(node.target, item);
      if (truth(evaluate(*node.test))) some.push_back(std::move(item));
    }
    all = std::move(some);
  }
  if (all.empty()) {
    execute(node.otherwise);
    return;
  }
  loop_over(node, std::move(all), depth);
}

void Interpreter::loop_over(const For& node, std::vector<Value> items, int depth) {
  Value again;
  if (node.recursive) {
    auto function = std::make_shared<Function>();
    // The scope outlives the call only where a template keeps `loop` in a namespace.
    function->call = [&node, depth, scope = scope_](Interpreter& in, Arguments& arguments) {
      if (arguments.values.size() != 1) throw Failure("TypeError", "loop() takes exactly one argument");
      Text text;
      Text* before = std::exchange(in.out_, &text);
      const ScopePtr scope_before = std::exchange(in.scope_, scope);
      try {
        in.loop(node, arguments.values[0], depth + 1);
      } catch (...) {
        in.out_ = before;
        in.scope_ = scope_before;
        throw;
      }
      in.out_ = before;
      in.scope_ = scope_before;
      return Value(std::move(text));
    };
    again = Value(std::move(function));
  }
  const auto state = std::make_shared<LoopObject>(std::move(items), depth, std::move(again));
  for (size_t i = 0; i < state->size(); i++) {
    const Enter scope(*this);
    budget_.spend(15);
    assign(node.target, state->start(i));
    scope_->set("loop", std::static_pointer_cast<Object>(state));
    if (execute(node.body) == Flow::Break) break;
  }
}

// A macro sees the names around it.
Value Interpreter::macro(const std::string& name, const Signature& signature, const Body& body) {
  class MacroObject : public Object {
   public:
    MacroObject(std::string name, const Signature& signature, std::shared_ptr<Function> function)
        : name_(std::move(name)), signature_(signature), function_(std::move(function)) {}
    std::string type() const override { return "Macro"; }
    std::string repr() const override { return "<Macro '" + name_ + "'>"; }
    std::shared_ptr<Function> callable() override { return function_; }
    bool attribute(std::string_view attribute, Value& value) override {
      if (attribute == "name") return value = Value(name_), true;
      if (attribute != "arguments") return false;
      std::vector<Value> names;
      for (const auto& [parameter, fallback] : signature_.parameters) names.emplace_back(parameter);
      return value = Value::list(std::move(names), List::Kind::Tuple), true;
    }

   private:
    std::string name_;
    const Signature& signature_;
    std::shared_ptr<Function> function_;
  };
  auto function = std::make_shared<Function>();
  function->name = name;
  function->kind = "Macro";
  // Not an owner: the macro stands in the scope itself.
  function->call = [&signature, &body, name, around = std::weak_ptr<Scope>(scope_)](Interpreter& in,
                                                                                    Arguments& arguments) {
    const ScopePtr scope = around.lock();
    return Value(in.run_macro(name, signature, body, scope ? scope : in.scope_, arguments));
  };
  return Value(std::static_pointer_cast<Object>(std::make_shared<MacroObject>(name, signature, std::move(function))));
}

Text Interpreter::run_macro(const std::string& name, const Signature& signature, const Body& body,
                            const ScopePtr& scope, Arguments& arguments) {
  const Enter enter(*this, scope);
  const size_t count = signature.parameters.size();
  std::vector<bool> given(count, false);
  for (size_t i = 0; i < std::min(count, arguments.values.size()); i++) {
    scope_->set(signature.parameters[i].first, arguments.values[i]);
    given[i] = true;
  }
  std::vector<Value> rest;
  for (size_t i = count; i < arguments.values.size(); i++) rest.push_back(arguments.values[i]);
  Dict named;
  for (auto& [key, value] : arguments.named) {
    const auto it = std::find_if(signature.parameters.begin(), signature.parameters.end(),
                                 [&key = key](const auto& parameter) { return parameter.first == key; });
    if (it != signature.parameters.end()) {
      const auto i = static_cast<size_t>(it - signature.parameters.begin());
      if (given[i]) throw Failure("TypeError", "macro '" + name + "' got multiple values for argument '" + key + "'");
      scope_->set(key, value);
      given[i] = true;
    } else if (key == "caller") {
      scope_->set("caller", value);
    } else {
      named.items.emplace_back(Value(key), value);
    }
  }
  // Defaults may use the parameters before them.
  for (size_t i = 0; i < count; i++) {
    const auto& [parameter, fallback] = signature.parameters[i];
    if (given[i]) continue;
    scope_->set(parameter,
                fallback ? evaluate(*fallback) : Value::undefined("parameter '" + parameter + "' was not provided"));
  }
  scope_->set("varargs", Value::list(std::move(rest), List::Kind::Tuple));
  scope_->set("kwargs", named);
  return capture(body);
}

}  // namespace foretell::jinja
