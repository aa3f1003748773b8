#include "constrain/rules.h"

#include <algorithm>

#include "foretell/error.h"
#include "tokenizer/utf8.h"

namespace foretell::constrain {
namespace {

constexpr size_t most_expressions = 4'000'000;

}  // namespace

Rules::Rules() {
  add({});
  literal("");
}

ExpressionId Rules::add(Expression expression) {
  if (expressions_.size() == most_expressions)
    throw Error({.what = "the grammar is too large",
                 .expected = "at most " + std::to_string(most_expressions) + " expressions"});
  expressions_.push_back(std::move(expression));
  return static_cast<ExpressionId>(expressions_.size() - 1);
}

ExpressionId Rules::literal(std::string_view utf8) {
  const auto [known, added] = known_literals_.try_emplace(std::string(utf8), 0);
  if (added) {
    literals_.emplace_back(utf8);
    known->second = add({.kind = Expression::Kind::Literal, .index = static_cast<uint32_t>(literals_.size() - 1)});
  }
  return known->second;
}

ExpressionId Rules::characters(const CodePointSet& set, Encoding encoding) {
  if (set.empty()) return never();
  sets_.push_back(set);
  return add(
      {.kind = Expression::Kind::Characters, .encoding = encoding, .index = static_cast<uint32_t>(sets_.size() - 1)});
}

ExpressionId Rules::sequence(std::vector<ExpressionId> parts) {
  std::erase(parts, empty());
  for (const ExpressionId part : parts) {
    if (part == never()) return never();
  }
  if (parts.empty()) return empty();
  if (parts.size() == 1) return parts[0];
  return add({.kind = Expression::Kind::Sequence, .parts = std::move(parts)});
}

ExpressionId Rules::choice(std::vector<ExpressionId> parts) {
  std::erase(parts, never());
  if (parts.empty()) return never();
  if (parts.size() == 1) return parts[0];
  return add({.kind = Expression::Kind::Choice, .parts = std::move(parts)});
}

ExpressionId Rules::repeat(ExpressionId part, uint32_t min, uint32_t max) {
  if (max == 0 || part == empty()) return empty();
  if (part == never()) return min == 0 ? empty() : never();
  if (min == 1 && max == 1) return part;
  return add({.kind = Expression::Kind::Repeat, .min = min, .max = max, .parts = {part}});
}

std::pair<uint32_t, uint32_t> Rules::lengths(ExpressionId id) const {
  const auto cut = [](uint64_t n) { return static_cast<uint32_t>(std::min<uint64_t>(n, unbounded)); };
  const Expression& e = expressions_[id];
  switch (e.kind) {
    case Expression::Kind::Literal: {
      const uint32_t count = cut(tokenization::count_characters(literal_of(e)));
      return {count, count};
    }
    case Expression::Kind::Characters:
      return {1, 1};
    case Expression::Kind::Sequence: {
      uint64_t least = 0, most = 0;
      for (const ExpressionId part : e.parts) {
        const auto [fewest, longest] = lengths(part);
        least = cut(least + fewest), most = cut(most + longest);
      }
      return {cut(least), cut(most)};
    }
    case Expression::Kind::Choice: {
      std::pair<uint32_t, uint32_t> range = {unbounded, 0};
      for (const ExpressionId part : e.parts) {
        const auto [fewest, longest] = lengths(part);
        range = {std::min(range.first, fewest), std::max(range.second, longest)};
      }
      return range;
    }
    case Expression::Kind::Repeat: {
      const auto [fewest, longest] = lengths(e.parts[0]);
      return {cut(uint64_t{fewest} * e.min), cut(uint64_t{longest} * e.max)};
    }
    default:
      return {0, unbounded};
  }
}

ExpressionId Rules::graph(Graph graph) {
  graphs_.push_back(std::move(graph));
  return add({.kind = Expression::Kind::Graph, .index = static_cast<uint32_t>(graphs_.size() - 1)});
}

RuleId Rules::add_rule(std::string name) {
  const auto id = static_cast<RuleId>(rules_.size());
  rules_.push_back({std::move(name), never()});
  rule_references_.push_back(add({.kind = Expression::Kind::Rule, .index = id}));
  return id;
}

ExpressionId Rules::rule(RuleId id) { return rule_references_[id]; }

}  // namespace foretell::constrain
