// A template as a tree. Chains of operators of one rank are one node, so that a long sum is not a deep one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "template/value.h"

namespace foretell::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct CallArguments {
  std::vector<ExprPtr> values;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star, double_star;  // *args, **kwargs; null: none
};

struct Constant {
  Value value;
};
struct Name {
  std::string name;
};
struct Items {  // a list or a tuple
  List::Kind kind;
  std::vector<ExprPtr> items;
};
struct DictItems {
  std::vector<std::pair<ExprPtr, ExprPtr>> items;
};
struct Unary {
  std::string op;  // "-", "+", "not"
  ExprPtr operand;
};
struct Chain {  // of + - ~ * / // % **, from left to right; of and, or
  ExprPtr first;
  std::vector<std::pair<std::string, ExprPtr>> rest;
};
struct Comparison {  // a < b < c
  ExprPtr first;
  std::vector<std::pair<std::string, ExprPtr>> rest;
};
struct Conditional {
  ExprPtr test, yes, no;  // `no` may be null
};
struct Attribute {
  ExprPtr object;
  std::string name;
};
struct Subscript {
  ExprPtr object, key;
};
struct Slice {
  ExprPtr object, start, stop, step;  // null: left out
};
struct Call {
  ExprPtr callee;
  CallArguments arguments;
};
struct FilterCall {
  ExprPtr operand;  // null: of a block of text
  std::string name;
  CallArguments arguments;
};
struct TestCall {
  ExprPtr operand;
  std::string name;
  CallArguments arguments;
  bool negated = false;
};

struct Expr {
  int line = 0;
  std::variant<Constant, Name, Items, DictItems, Unary, Chain, Comparison, Conditional, Attribute, Subscript, Slice,
               Call, FilterCall, TestCall>
      node;
};

// What a value is bound to: a name, an attribute of a namespace, or several targets.
struct Target {
  std::string name, attribute;  // attribute: empty, or of a namespace
  std::vector<Target> parts;    // not empty: a tuple
};

struct Stmt;
using StmtPtr = std::unique_ptr<Stmt>;
using Body = std::vector<StmtPtr>;

struct Data {
  std::string text;
};
struct Print {
  ExprPtr value;
};
struct If {
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExprPtr items, test;  // test: null where there is none
  bool recursive = false;
  Body body, otherwise;
};
struct Set {
  Target target;
  ExprPtr value;  // null: the body
  Body body;
  ExprPtr filter;  // of the body; null: none
};
struct Signature {
  std::vector<std::pair<std::string, ExprPtr>> parameters;  // with the default, or null
};
struct Macro {
  std::string name;
  Signature signature;
  Body body;
};
struct CallBlock {
  Signature signature;
  ExprPtr call;
  Body body;
};
struct FilterBlock {
  ExprPtr filter;
  Body body;
};
struct With {
  std::vector<std::pair<Target, ExprPtr>> values;
  Body body;  // in a scope of its own
};
struct Jump {
  bool out;  // break, or continue
};

struct Stmt {
  int line = 0;
  std::variant<Data, Print, If, For, Set, Macro, CallBlock, FilterBlock, With, Jump> node;
};

}  // namespace foretell::jinja
