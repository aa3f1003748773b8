// How expressions are evaluated.
#include "template/interpreter.h"

namespace foretell::jinja {

struct Expressions {
  Interpreter& in;

  Value operator()(const Constant& node) const { return node.value; }
  Value operator()(const Name& node) const { return in.lookup(node.name); }

  Value operator()(const Items& node) const {
    std::vector<Value> items;
    for (const ExprPtr& item : node.items) items.push_back(in.evaluate(*item));
    return Value::list(std::move(items), node.kind);
  }

  Value operator()(const DictItems& node) const {
    Dict dict;
    for (const auto& [key, value] : node.items) {
      Value k = in.evaluate(*key);
      if (k.dict() || (k.sequence() && k.sequence()->kind == List::Kind::List))
        throw Failure("TypeError", "unhashable type: '" + type_name(k) + "'");
      dict.set(std::move(k), in.evaluate(*value));
    }
    return dict;
  }

  Value operator()(const Unary& node) const {
    const Value value = in.evaluate(*node.operand);
    return node.op == "not" ? Value(!truth(value)) : negate(value, node.op);
  }

  Value operator()(const Chain& node) const { return in.chain(node); }

  Value operator()(const Comparison& node) const {
    Value left = in.evaluate(*node.first);
    for (const auto& [op, expr] : node.rest) {
      Value right = in.evaluate(*expr);
      if (!in.compare(op, left, right)) return false;
      left = std::move(right);
    }
    return true;
  }

  Value operator()(const Conditional& node) const {
    if (truth(in.evaluate(*node.test))) return in.evaluate(*node.yes);
    if (node.no) return in.evaluate(*node.no);
    return Value::undefined("the inline if-expression on line " + std::to_string(node.test->line) +
                            " evaluated to false and no else section was defined.");
  }

  Value operator()(const Attribute& node) const { return in.attribute(in.evaluate(*node.object), node.name); }

  Value operator()(const Subscript& node) const {
    const Value object = in.evaluate(*node.object);
    return in.item(object, in.evaluate(*node.key));
  }

  Value operator()(const Slice& node) const {
    const Value object = in.evaluate(*node.object);
    const auto part = [&](const ExprPtr& expr) { return expr ? in.evaluate(*expr) : Value(); };
    const Value start = part(node.start), stop = part(node.stop);
    return slice(object, start, stop, part(node.step), in.budget_);
  }

  Value operator()(const Call& node) const {
    const Value callee = in.evaluate(*node.callee);
    Arguments arguments = in.evaluate(node.arguments);
    return in.call(callee, arguments);
  }

  Value operator()(const FilterCall& node) const {
    Value operand = in.evaluate(*node.operand);
    Arguments arguments = in.evaluate(node.arguments);
    arguments.values.insert(arguments.values.begin(), std::move(operand));
    return in.filter(node.name, arguments);
  }

  Value operator()(const TestCall& node) const {
    Value operand = in.evaluate(*node.operand);
    Arguments arguments = in.evaluate(node.arguments);
    arguments.values.insert(arguments.values.begin(), std::move(operand));
    return in.test(node.name, arguments) != node.negated;
  }
};

Value Interpreter::evaluate(const Expr& expr) {
  const Budget::Level guard(budget_);
  budget_.spend(2);
  return std::visit(Expressions{*this}, expr.node);
}

Arguments Interpreter::evaluate(const CallArguments& arguments) {
  Arguments result;
  for (const ExprPtr& value : arguments.values) result.values.push_back(evaluate(*value));
  for (const auto& [key, value] : arguments.named) result.named.emplace_back(key, evaluate(*value));
  if (arguments.star)
    for (Value& value : iterate(evaluate(*arguments.star), budget_)) result.values.push_back(std::move(value));
  if (arguments.double_star) {
    const Value all = evaluate(*arguments.double_star);
    if (!all.dict()) throw Failure("TypeError", "argument after ** must be a mapping, not " + type_name(all));
    for (const auto& [key, value] : all.dict()->items) {
      if (!key.text()) throw Failure("TypeError", "keywords must be strings");
      result.named.emplace_back(key.text()->bytes, value);
    }
  }
  return result;
}

Value Interpreter::chain(const Chain& node) {
  Value value = evaluate(*node.first);
  Text joined;
  const bool concatenates = node.rest.front().first == "~";
  if (concatenates) joined = to_text(value, budget_);
  for (const auto& [op, expr] : node.rest) {
    if (op == "or" || op == "and") {
      if (truth(value) == (op == "or")) return value;
      value = evaluate(*expr);
    } else if (concatenates) {
      joined.append(to_text(evaluate(*expr), budget_));
      budget_.make_text(std::ssize(joined.bytes));
    } else {
      value = arithmetic(op, value, evaluate(*expr), budget_);
    }
  }
  return concatenates ? Value(std::move(joined)) : value;
}

bool Interpreter::compare(const std::string& op, const Value& a, const Value& b) {
  const auto cost = [](const Value& v) {
    return v.text() ? std::ssize(v.text()->bytes) / 16 : v.sequence() ? std::ssize(v.sequence()->items) : 1;
  };
  budget_.spend(cost(a) + cost(b));
  if (op == "==") return equal(a, b);
  if (op == "!=") return !equal(a, b);
  if (op == "in") return contains(b, a);
  if (op == "not in") return !contains(b, a);
  const int order = jinja::compare(a, b, op);
  if (order == 2) return false;
  if (op == "<") return order < 0;
  if (op == "<=") return order <= 0;
  if (op == ">") return order > 0;
  return order >= 0;
}

}  // namespace foretell::jinja
