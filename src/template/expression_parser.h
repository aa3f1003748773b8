// The expressions of a template, by descent: conditional, or, and, not, comparison, sum, concatenation, product, power,
// unary, and behind a value attributes, subscripts, calls, filters and tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "template/ast.h"
#include "template/lexer.h"
#include "template/limits.h"

namespace foretell::jinja {

class ExpressionParser {
 public:
  ExpressionParser(std::vector<Token> tokens, Budget& budget) : budget_(budget), tokens_(std::move(tokens)) {}

 protected:
  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  int line() const { return current().line; }

  bool is_operator(std::string_view op) const {
    return current().kind == Token::Kind::Operator && current().text == op;
  }
  bool is_name(std::string_view text) const { return current().kind == Token::Kind::Name && current().text == text; }
  bool skip_operator(std::string_view op);
  bool skip_name_if(std::string_view text);
  void expect(Token::Kind kind, std::string_view what);
  void expect_operator(std::string_view op);
  void expect_name(std::string_view text);
  std::string name(std::string_view what);
  [[noreturn]] void fail(const std::string& message) const;

  // With commas it is a tuple. `conditional`: "a if b else c" may be in it; `end`: a name that ends it.
  ExprPtr tuple(bool conditional = true, std::string_view end = {});
  ExprPtr expression();
  // `|a|b(1)`, and tests and calls between them. `first`: the first has no bar before it.
  ExprPtr filters(ExprPtr operand, bool first);

  Budget& budget_;

 private:
  template <class Node>
  ExprPtr make(Node node, int line) const;

  ExprPtr conditional();
  ExprPtr logical_or();
  ExprPtr logical_and();
  ExprPtr logical_not();
  ExprPtr comparison();
  ExprPtr chain(ExprPtr (ExpressionParser::*operand)(), std::initializer_list<std::string_view> ops);
  ExprPtr sum();
  ExprPtr concatenation();
  ExprPtr product();
  ExprPtr power();
  ExprPtr unary();
  ExprPtr unary_without_filters();
  ExprPtr signed_or_primary();
  ExprPtr primary();
  ExprPtr parenthesized();
  ExprPtr list();
  ExprPtr dict();
  ExprPtr postfix(ExprPtr value);
  ExprPtr subscript(ExprPtr value);
  ExprPtr subscript_item();
  ExprPtr filter(ExprPtr operand);
  ExprPtr test(ExprPtr operand);
  ExprPtr call(ExprPtr callee);
  CallArguments arguments();
  std::string dotted_name();
  bool tuple_ends(std::string_view end) const;

  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace foretell::jinja
