#include "template/parser.h"

#include <algorithm>
#include <initializer_list>

#include "template/expression_parser.h"

namespace foretell::jinja {
namespace {

class Parser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Body all() {
    Body body = body_until({});
    return body;
  }

 private:
  // Up to a block whose name is one of `ends`; its name is the next token then.
  Body body_until(std::initializer_list<std::string_view> ends) {
    const Budget::Level guard(budget_);
    Body body;
    while (true) {
      const Token& token = current();
      if (token.kind == Token::Kind::End) {
        if (ends.size() == 0) return body;
        fail("Unexpected end of template. Jinja was looking for the following tags: '" + std::string(*ends.begin()) +
             "'.");
      }
      if (token.kind == Token::Kind::Data) {
        add(body, Data{next().text});
      } else if (token.kind == Token::Kind::PrintBegin) {
        next();
        add(body, Print{tuple()});
        expect(Token::Kind::PrintEnd, "end of print statement");
      } else {
        next();
        if (current().kind != Token::Kind::Name) fail("tag name expected");
        if (std::find(ends.begin(), ends.end(), current().text) != ends.end()) return body;
        statement(body);
      }
    }
  }

  template <class Node>
  void add(Body& body, Node node) {
    auto statement = std::make_unique<Stmt>();
    statement->line = line();
    statement->node = std::move(node);
    body.push_back(std::move(statement));
  }

  void end_block() { expect(Token::Kind::BlockEnd, "end of statement block"); }
  // The body of a block and its end.
  Body block(std::string_view end) {
    end_block();
    Body body = body_until({end});
    next();
    if (end == "endmacro" || end == "endblock") skip_name();  // {% endblock name %}
    end_block();
    return body;
  }
  void skip_name() {
    if (current().kind == Token::Kind::Name) next();
  }

  void statement(Body& body) {
    const std::string tag = next().text;
    if (tag == "if") return add(body, if_statement());
    if (tag == "for") return add(body, for_statement());
    if (tag == "set") return add(body, set_statement());
    if (tag == "macro") return add(body, macro_statement());
    if (tag == "call") return add(body, call_statement());
    if (tag == "filter") {
      ExprPtr filter = filters(nullptr, true);
      Body inner = block("endfilter");
      return add(body, FilterBlock{std::move(filter), std::move(inner)});
    }
    if (tag == "with") return add(body, with_statement());
    if (tag == "generation") return add(body, With{{}, block("endgeneration")});  // transformers: only marks the answer
    if (tag == "block") {
      name("name of a block");
      return add(body, With{{}, block("endblock")});
    }
    if (tag == "break" || tag == "continue") {
      if (loops_ == 0) fail("'" + tag + "' outside loop");
      end_block();
      return add(body, Jump{tag == "break"});
    }
    if (tag == "include" || tag == "import" || tag == "from" || tag == "extends")
      throw Failure("TypeError", "no loader for this environment specified", line());
    fail("Encountered unknown tag '" + tag + "'.");
  }

  If if_statement() {
    If node;
    while (true) {
      ExprPtr test = tuple(false);
      end_block();
      Body body = body_until({"elif", "else", "endif"});
      node.branches.emplace_back(std::move(test), std::move(body));
      const std::string tag = next().text;
      if (tag == "elif") continue;
      if (tag == "else")
        node.otherwise = block("endif");
      else
        end_block();
      return node;
    }
  }

  For for_statement() {
    For node;
    node.target = targets(false, "in");
    expect_name("in");
    node.items = tuple(false, "recursive");
    if (skip_name_if("if")) node.test = expression();
    node.recursive = skip_name_if("recursive");
    end_block();
    loops_++;
    node.body = body_until({"endfor", "else"});
    loops_--;
    if (next().text == "else") {
      node.otherwise = block("endfor");
    } else {
      end_block();
    }
    return node;
  }

  Set set_statement() {
    Set node;
    node.target = targets(true, "");
    if (skip_operator("=")) {
      node.value = tuple();
      end_block();
      return node;
    }
    if (is_operator("|")) node.filter = filters(nullptr, false);
    node.body = block("endset");
    return node;
  }

  Signature signature() {
    Signature result;
    expect_operator("(");
    bool defaults = false;
    while (!is_operator(")")) {
      if (!result.parameters.empty()) expect_operator(",");
      if (is_operator(")")) break;
      std::string parameter = name("name of a parameter");
      ExprPtr value;
      if (skip_operator("=")) {
        value = expression();
        defaults = true;
      } else if (defaults) {
        fail("non-default argument follows default argument");
      }
      result.parameters.emplace_back(std::move(parameter), std::move(value));
    }
    next();
    return result;
  }

  Macro macro_statement() {
    Macro node;
    node.name = name("name of a macro");
    node.signature = signature();
    const int loops = std::exchange(loops_, 0);
    node.body = block("endmacro");
    loops_ = loops;
    return node;
  }

  CallBlock call_statement() {
    CallBlock node;
    if (is_operator("(")) node.signature = signature();
    node.call = expression();
    if (!std::holds_alternative<Call>(node.call->node)) fail("expected call");
    const int loops = std::exchange(loops_, 0);
    node.body = block("endcall");
    loops_ = loops;
    return node;
  }

  With with_statement() {
    With node;
    while (current().kind != Token::Kind::BlockEnd) {
      if (!node.values.empty()) expect_operator(",");
      Target target = targets(false, "");
      expect_operator("=");
      node.values.emplace_back(std::move(target), expression());
    }
    node.body = block("endwith");
    return node;
  }

  // `a`, `a, b`, `(a, b)`, and with `attributes` `space.a`; `end`: the name that may follow.
  Target targets(bool attributes, std::string_view end) {
    std::vector<Target> parts = {target(attributes)};
    bool tuple = false;
    while (skip_operator(",")) {
      tuple = true;
      if (is_operator("=") || (!end.empty() && current().kind == Token::Kind::Name && current().text == end)) break;
      parts.push_back(target(attributes));
    }
    if (!tuple) return std::move(parts[0]);
    return {.name = {}, .attribute = {}, .parts = std::move(parts)};
  }

  Target target(bool attributes) {
    const Budget::Level guard(budget_);
    if (skip_operator("(")) {
      Target inner = targets(false, "");
      expect_operator(")");
      return inner;
    }
    Target result{.name = name("name"), .attribute = {}, .parts = {}};
    static constexpr std::string_view reserved[] = {"true", "false", "none", "True", "False", "None"};
    if (std::find(std::begin(reserved), std::end(reserved), result.name) != std::end(reserved))
      fail("can't assign to '" + result.name + "'");
    if (attributes && skip_operator(".")) result.attribute = name("name of an attribute");
    return result;
  }

  int loops_ = 0;  // that are open
};

}  // namespace

Body parse(std::string_view source, Budget& budget) { return Parser(lex(source), budget).all(); }

}  // namespace foretell::jinja
