#include "template/expression_parser.h"

#include <algorithm>

namespace foretell::jinja {

using Kind = Token::Kind;

bool ExpressionParser::skip_operator(std::string_view op) {
  if (!is_operator(op)) return false;
  next();
  return true;
}

bool ExpressionParser::skip_name_if(std::string_view text) {
  if (!is_name(text)) return false;
  next();
  return true;
}

void ExpressionParser::fail(const std::string& message) const { throw Failure("TemplateSyntaxError", message, line()); }

static std::string described(const Token& token) {
  switch (token.kind) {
    case Kind::Data:
      return "template data / text";
    case Kind::PrintBegin:
      return "begin of print statement";
    case Kind::PrintEnd:
      return "end of print statement";
    case Kind::BlockBegin:
      return "begin of statement block";
    case Kind::BlockEnd:
      return "end of statement block";
    case Kind::End:
      return "end of template";
    default:
      return token.text;
  }
}

void ExpressionParser::expect(Kind kind, std::string_view what) {
  if (current().kind != kind) fail("expected token '" + std::string(what) + "', got '" + described(current()) + "'");
  next();
}

void ExpressionParser::expect_operator(std::string_view op) {
  if (!skip_operator(op)) fail("expected token '" + std::string(op) + "', got '" + described(current()) + "'");
}

void ExpressionParser::expect_name(std::string_view text) {
  if (!skip_name_if(text)) fail("expected token '" + std::string(text) + "', got '" + described(current()) + "'");
}

std::string ExpressionParser::name(std::string_view what) {
  if (current().kind != Kind::Name) fail("expected " + std::string(what) + ", got '" + described(current()) + "'");
  return next().text;
}

template <class Node>
ExprPtr ExpressionParser::make(Node node, int line) const {
  auto expr = std::make_unique<Expr>();
  expr->line = line;
  expr->node = std::move(node);
  return expr;
}

bool ExpressionParser::tuple_ends(std::string_view end) const {
  return current().kind == Kind::PrintEnd || current().kind == Kind::BlockEnd || is_operator(")") ||
         (!end.empty() && is_name(end));
}

ExprPtr ExpressionParser::tuple(bool conditional, std::string_view end) {
  const int at = line();
  const auto item = [&] { return conditional ? expression() : logical_or(); };
  std::vector<ExprPtr> items;
  bool comma = false;
  while (!tuple_ends(end)) {
    items.push_back(item());
    comma = is_operator(",");
    if (!comma) break;
    next();
  }
  if (items.empty()) fail("Expected an expression, got '" + described(current()) + "'");
  if (items.size() == 1 && !comma) return std::move(items[0]);
  return make(Items{List::Kind::Tuple, std::move(items)}, at);
}

ExprPtr ExpressionParser::expression() {
  const Budget::Level guard(budget_);
  return conditional();
}

ExprPtr ExpressionParser::conditional() {
  const int at = line();
  ExprPtr value = logical_or();
  for (int links = 0; skip_name_if("if"); links++) {
    if (links > Budget::most_depth) Budget::too_deep();  // each link is a level of the tree
    ExprPtr test = logical_or();
    ExprPtr otherwise = skip_name_if("else") ? expression() : nullptr;
    value = make(Conditional{std::move(test), std::move(value), std::move(otherwise)}, at);
  }
  return value;
}

ExprPtr ExpressionParser::logical_or() {
  const int at = line();
  ExprPtr first = logical_and();
  Chain chain;
  while (skip_name_if("or")) chain.rest.emplace_back("or", logical_and());
  if (chain.rest.empty()) return first;
  chain.first = std::move(first);
  return make(std::move(chain), at);
}

ExprPtr ExpressionParser::logical_and() {
  const int at = line();
  ExprPtr first = logical_not();
  Chain chain;
  while (skip_name_if("and")) chain.rest.emplace_back("and", logical_not());
  if (chain.rest.empty()) return first;
  chain.first = std::move(first);
  return make(std::move(chain), at);
}

ExprPtr ExpressionParser::logical_not() {
  const int at = line();
  if (!skip_name_if("not")) return comparison();
  const Budget::Level guard(budget_);
  return make(Unary{"not", logical_not()}, at);
}

ExprPtr ExpressionParser::comparison() {
  static constexpr std::string_view ops[] = {"==", "!=", "<", "<=", ">", ">="};
  const int at = line();
  ExprPtr first = sum();
  Comparison node;
  while (true) {
    if (current().kind == Kind::Operator &&
        std::find(std::begin(ops), std::end(ops), current().text) != std::end(ops)) {
      std::string op = next().text;
      node.rest.emplace_back(std::move(op), sum());
    } else if (skip_name_if("in")) {
      node.rest.emplace_back("in", sum());
    } else if (is_name("not") && ahead().kind == Kind::Name && ahead().text == "in") {
      next();
      next();
      node.rest.emplace_back("not in", sum());
    } else {
      break;
    }
  }
  if (node.rest.empty()) return first;
  node.first = std::move(first);
  return make(std::move(node), at);
}

ExprPtr ExpressionParser::chain(ExprPtr (ExpressionParser::*operand)(), std::initializer_list<std::string_view> ops) {
  const int at = line();
  ExprPtr first = (this->*operand)();
  Chain node;
  while (current().kind == Kind::Operator && std::find(ops.begin(), ops.end(), current().text) != ops.end()) {
    std::string op = next().text;
    node.rest.emplace_back(std::move(op), (this->*operand)());
  }
  if (node.rest.empty()) return first;
  node.first = std::move(first);
  return make(std::move(node), at);
}

ExprPtr ExpressionParser::sum() { return chain(&ExpressionParser::concatenation, {"+", "-"}); }
ExprPtr ExpressionParser::concatenation() { return chain(&ExpressionParser::product, {"~"}); }
ExprPtr ExpressionParser::product() { return chain(&ExpressionParser::power, {"*", "/", "//", "%"}); }
ExprPtr ExpressionParser::power() { return chain(&ExpressionParser::unary, {"**"}); }

ExprPtr ExpressionParser::unary() { return filters(unary_without_filters(), false); }

ExprPtr ExpressionParser::unary_without_filters() { return postfix(signed_or_primary()); }

ExprPtr ExpressionParser::signed_or_primary() {
  const int at = line();
  for (const char* op : {"-", "+"}) {
    if (!skip_operator(op)) continue;
    const Budget::Level guard(budget_);
    return make(Unary{op, unary_without_filters()}, at);
  }
  return primary();
}

ExprPtr ExpressionParser::primary() {
  const Token& token = current();
  const int at = line();
  if (token.kind == Kind::Name) {
    const std::string& text = next().text;
    if (text == "true" || text == "True") return make(Constant{true}, at);
    if (text == "false" || text == "False") return make(Constant{false}, at);
    if (text == "none" || text == "None") return make(Constant{}, at);
    return make(Name{text}, at);
  }
  if (token.kind == Kind::String) {
    std::string text;
    while (current().kind == Kind::String) text += next().text;
    return make(Constant{Value(text)}, at);
  }
  if (token.kind == Kind::Integer || token.kind == Kind::Float) return make(Constant{next().number}, at);
  if (skip_operator("(")) return parenthesized();
  if (skip_operator("[")) return list();
  if (skip_operator("{")) return dict();
  fail("unexpected '" + described(token) + "'");
}

ExprPtr ExpressionParser::parenthesized() {
  const int at = line();
  if (skip_operator(")")) return make(Items{List::Kind::Tuple, {}}, at);
  ExprPtr inner = tuple();
  expect_operator(")");
  return inner;
}

ExprPtr ExpressionParser::list() {
  const int at = line();
  Items node{List::Kind::List, {}};
  while (!is_operator("]")) {
    if (!node.items.empty()) expect_operator(",");
    if (is_operator("]")) break;
    node.items.push_back(expression());
  }
  expect_operator("]");
  return make(std::move(node), at);
}

ExprPtr ExpressionParser::dict() {
  const int at = line();
  DictItems node;
  while (!is_operator("}")) {
    if (!node.items.empty()) expect_operator(",");
    if (is_operator("}")) break;
    ExprPtr key = expression();
    expect_operator(":");
    node.items.emplace_back(std::move(key), expression());
  }
  expect_operator("}");
  return make(std::move(node), at);
}

ExprPtr ExpressionParser::postfix(ExprPtr value) {
  for (int links = 0;; links++) {
    if (links > Budget::most_depth) Budget::too_deep();
    const int at = line();
    if (skip_operator(".")) {
      if (current().kind == Kind::Integer) {
        value = make(Subscript{std::move(value), make(Constant{next().number}, at)}, at);
      } else {
        value = make(Attribute{std::move(value), name("name or number")}, at);
      }
    } else if (skip_operator("[")) {
      value = subscript(std::move(value));
    } else if (is_operator("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

// An expression, or a slice, which has no object yet.
ExprPtr ExpressionParser::subscript_item() {
  const int at = line();
  const auto ends = [&] { return is_operator(",") || is_operator("]"); };
  ExprPtr start = is_operator(":") ? nullptr : expression();
  if (!skip_operator(":")) return start;
  ExprPtr stop = is_operator(":") || ends() ? nullptr : expression();
  ExprPtr step = skip_operator(":") && !ends() ? expression() : nullptr;
  return make(Slice{nullptr, std::move(start), std::move(stop), std::move(step)}, at);
}

ExprPtr ExpressionParser::subscript(ExprPtr value) {
  const int at = line();
  const auto slice_of = [](Expr& item) {
    auto* slice = std::get_if<Slice>(&item.node);
    return slice != nullptr && slice->object == nullptr ? slice : nullptr;
  };
  std::vector<ExprPtr> items;
  while (!is_operator("]")) {
    if (!items.empty()) expect_operator(",");
    items.push_back(subscript_item());
    if (items.size() > 1 && (slice_of(*items[0]) != nullptr || slice_of(*items.back()) != nullptr))
      fail("a slice cannot be one of several subscripts");  // Python's tuples hold none
  }
  next();
  if (items.size() != 1)
    return make(Subscript{std::move(value), make(Items{List::Kind::Tuple, std::move(items)}, at)}, at);
  if (Slice* slice = slice_of(*items[0])) {
    slice->object = std::move(value);
    return std::move(items[0]);
  }
  return make(Subscript{std::move(value), std::move(items[0])}, at);
}

ExprPtr ExpressionParser::filters(ExprPtr operand, bool first) {
  for (int links = 0;; links++) {
    if (links > Budget::most_depth) Budget::too_deep();
    if (first || skip_operator("|")) {
      first = false;
      operand = filter(std::move(operand));
    } else if (skip_name_if("is")) {
      operand = test(std::move(operand));
    } else if (is_operator("(")) {
      operand = call(std::move(operand));
    } else {
      return operand;
    }
  }
}

std::string ExpressionParser::dotted_name() {
  std::string text = name("name");
  while (skip_operator(".")) text += "." + name("name");
  return text;
}

ExprPtr ExpressionParser::filter(ExprPtr operand) {
  const int at = line();
  FilterCall node{std::move(operand), dotted_name(), {}};
  if (is_operator("(")) node.arguments = arguments();
  return make(std::move(node), at);
}

ExprPtr ExpressionParser::test(ExprPtr operand) {
  const int at = line();
  TestCall node;
  node.operand = std::move(operand);
  node.negated = skip_name_if("not");
  node.name = dotted_name();
  const Token& token = current();
  const bool value = token.kind == Kind::String || token.kind == Kind::Integer || token.kind == Kind::Float ||
                     is_operator("[") || is_operator("{") ||
                     (token.kind == Kind::Name && token.text != "else" && token.text != "or" && token.text != "and");
  if (is_operator("(")) {
    node.arguments = arguments();
  } else if (value) {
    if (is_name("is")) fail("You cannot chain multiple tests with is");
    node.arguments.values.push_back(postfix(primary()));
  }
  return make(std::move(node), at);
}

ExprPtr ExpressionParser::call(ExprPtr callee) {
  const int at = line();
  CallArguments all = arguments();
  return make(Call{std::move(callee), std::move(all)}, at);
}

CallArguments ExpressionParser::arguments() {
  CallArguments result;
  expect_operator("(");
  bool any = false;
  while (!is_operator(")")) {
    if (any) expect_operator(",");
    if (is_operator(")")) break;
    any = true;
    if (skip_operator("*")) {
      result.star = expression();
    } else if (skip_operator("**")) {
      result.double_star = expression();
    } else if (current().kind == Kind::Name && ahead().kind == Kind::Operator && ahead().text == "=") {
      std::string key = next().text;
      next();
      result.named.emplace_back(std::move(key), expression());
    } else {
      if (!result.named.empty()) fail("invalid syntax for function call expression");
      result.values.push_back(expression());
    }
  }
  next();
  return result;
}

}  // namespace foretell::jinja
