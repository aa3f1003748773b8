#include "constrain/member_graph.h"

#include <utility>

#include "foretell/error.h"

namespace foretell::constrain {
namespace {

constexpr size_t most_counted = 1'000'000;  // members times counts of them

}  // namespace

MemberGraph::MemberGraph(Rules& rules, const JsonForm& form, size_t listed, uint32_t min, uint32_t max,
                         const std::string& source)
    : rules_(rules),
      form_(form),
      listed_(listed),
      min_(min),
      max_(max),
      counted_(max == unbounded ? std::max(1U, min) : max) {
  if ((listed + 1) * (size_t{counted_} + 1) > most_counted)
    throw Error({.what = "an object has too many properties for its minProperties or maxProperties",
                 .file = source,
                 .expected = "at most " + std::to_string(most_counted) + " together"});
  graph_.nodes = static_cast<uint32_t>((listed + 1) * (size_t{counted_} + 1));
  for (uint32_t count = min; count <= counted_; count++) graph_.finals.push_back(node(listed, count));
}

// `count`: members before this one.
void MemberGraph::add_edge(uint32_t from, uint32_t to, ExpressionId member, uint32_t count) {
  graph_.edges.push_back({from, to, count == 0 ? member : rules_.sequence({form_.comma(), member})});
}

void MemberGraph::add_edges(size_t from, size_t to, ExpressionId member, uint32_t least) {
  for (uint32_t count = least; count < counted_; count++)
    add_edge(node(from, count), node(to, count + 1), member, count);
  if (max_ == unbounded) add_edge(node(from, counted_), node(to, counted_), member, counted_);
}

void MemberGraph::add_listed(size_t place, ExpressionId member, bool required) {
  add_edges(place, place + 1, member, 0);
  if (required) return;
  for (uint32_t count = 0; count <= counted_; count++)
    graph_.edges.push_back({node(place, count), node(place + 1, count), rules_.empty()});
}

void MemberGraph::add_others(ExpressionId member) { add_edges(listed_, listed_, member, std::max(1U, min_) - 1); }

void MemberGraph::add_distinct(const std::function<ExpressionId(uint32_t)>& distinct) {
  // A chain of its own, entered behind the listed members with any count from which it takes two or more.
  const uint32_t chain = graph_.nodes;
  graph_.nodes += min_;
  for (uint32_t count = 0; count < min_; count++) {
    const ExpressionId member = distinct(count);
    const uint32_t to = count + 1 < min_ ? chain + count + 1 : node(listed_, min_);
    if (count > 0) add_edge(chain + count, to, member, count);
    if (count + 1 < min_) add_edge(node(listed_, count), to, member, count);
  }
}

ExpressionId MemberGraph::expression() && {
  return rules_.sequence({rules_.literal("{"), rules_.graph(std::move(graph_)), rules_.literal("}")});
}

}  // namespace foretell::constrain
