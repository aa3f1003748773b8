// What a text may be: rules made of expressions, as a grammar, a regular expression or a JSON schema gives them.
//
// Expressions are numbers into one arena; they may be used in several places. Rules may refer to one another and to
// themselves. Everything here is about characters; automaton.h turns it into bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "constrain/code_points.h"

namespace foretell::constrain {

using ExpressionId = uint32_t;
using RuleId = uint32_t;

inline constexpr uint32_t unbounded = UINT32_MAX;

// How characters are written: as they are, or inside of a JSON string, where some are escaped.
enum class Encoding : uint8_t { Text, JsonString };

struct Expression {
  enum class Kind : uint8_t {
    Never,       // no text at all
    Literal,     // the text literals[index]; the empty one too
    Characters,  // one character of sets[index]
    Sequence,    // the parts one after the other
    Choice,      // one of the parts
    Repeat,      // parts[0], min to max times
    Rule,        // rules[index]
    Graph,       // a way through graphs[index]
  };
  Kind kind = Kind::Never;
  Encoding encoding = Encoding::Text;
  uint32_t index = 0;
  uint32_t min = 0, max = 0;
  std::vector<ExpressionId> parts = {};
};

// An automaton whose edges are expressions: a text goes from node 0 to a final one, in min to max steps. Where these
// are limited, all edges are Characters.
struct Graph {
  struct Edge {
    uint32_t from, to;
    ExpressionId label;
  };
  uint32_t nodes = 1;
  std::vector<Edge> edges;
  std::vector<uint32_t> finals;
  uint32_t min = 0, max = unbounded;
};

struct Rule {
  std::string name;
  ExpressionId body = 0;  // Never until it is defined
};

class Rules {
 public:
  Rules();

  ExpressionId never() const { return 0; }
  ExpressionId empty() const { return 1; }
  ExpressionId literal(std::string_view utf8);
  ExpressionId characters(const CodePointSet& set, Encoding encoding = Encoding::Text);
  ExpressionId sequence(std::vector<ExpressionId> parts);
  ExpressionId choice(std::vector<ExpressionId> parts);
  ExpressionId repeat(ExpressionId part, uint32_t min, uint32_t max);
  ExpressionId optional(ExpressionId part) { return repeat(part, 0, 1); }
  ExpressionId graph(Graph graph);
  ExpressionId rule(RuleId id);
  RuleId add_rule(std::string name);
  void define(RuleId id, ExpressionId body) { rules_[id].body = body; }
  void set_root(ExpressionId root) { root_ = root; }

  // The fewest and the most characters of the expression's texts, where it has no rules or graphs; very many are
  // unbounded.
  std::pair<uint32_t, uint32_t> lengths(ExpressionId id) const;

  ExpressionId root() const { return root_; }
  const Expression& operator[](ExpressionId id) const { return expressions_[id]; }
  const CodePointSet& set_of(const Expression& e) const { return sets_[e.index]; }
  const std::string& literal_of(const Expression& e) const { return literals_[e.index]; }
  const Graph& graph_of(const Expression& e) const { return graphs_[e.index]; }
  const Rule& rule_of(RuleId id) const { return rules_[id]; }
  size_t rule_count() const { return rules_.size(); }

 private:
  ExpressionId add(Expression expression);

  std::vector<Expression> expressions_;
  std::vector<CodePointSet> sets_;
  std::vector<std::string> literals_;
  std::vector<Graph> graphs_;
  std::vector<Rule> rules_;
  std::vector<ExpressionId> rule_references_;  // the expression that stands for each rule
  std::unordered_map<std::string, ExpressionId> known_literals_;
  ExpressionId root_ = 0;
};

}  // namespace foretell::constrain
