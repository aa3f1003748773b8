#include "constrain/counted_graph.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <utility>

#include "foretell/error.h"

namespace foretell::constrain {
namespace {

constexpr uint32_t most_entries = 4'000'000;

uint32_t sum(uint32_t bytes, uint32_t cost) {
  return cost == CountedGraph::infinite ? cost : cost + bytes;  // far from overflowing: a count has at most 12 bytes
}

}  // namespace

CountedGraph::CountedGraph(uint32_t nodes, const std::vector<uint32_t>& finals, uint32_t min, uint32_t max)
    : nodes_(nodes), min_(min), bounded_(max != unbounded), is_final_(nodes) {
  const uint32_t most = most_entries / nodes;
  if (min > most)
    throw Error({.what = "conditions on a text are too large to be met together",
                 .expected = "a length of at most " + std::to_string(most) + " with this pattern",
                 .found = std::to_string(min)});
  last_ = bounded_ ? std::min(max, most) : min;
  for (const uint32_t node : finals) is_final_[node] = true;
  cost_.assign((size_t{last_} + 1) * nodes_, infinite);
}

void CountedGraph::fill(const std::vector<Step>& steps) {
  if (!bounded_) fill_last(steps);
  for (uint32_t count = last_; count-- > 0;) {
    for (const Step& step : steps) {
      uint32_t& best = cost_[size_t{count} * nodes_ + step.from];
      best = std::min(best, sum(step.bytes, cost(step.to, count + 1)));
    }
  }
  find_runs();
}

// Where steps are no longer counted: the shortest ways (Dijkstra), from the final nodes on.
void CountedGraph::fill_last(const std::vector<Step>& steps) {
  std::vector<std::vector<Step>> into(nodes_);
  for (const Step& step : steps) into[step.to].push_back(step);
  using Entry = std::pair<uint32_t, uint32_t>;  // cost() of a node
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  std::vector<bool> settled(nodes_);
  for (uint32_t node = 0; node < nodes_; node++) {
    if (is_final_[node]) queue.emplace(0, node);
  }
  uint32_t* costs = &cost_[size_t{last_} * nodes_];
  while (!queue.empty()) {
    const auto [settled_cost, node] = queue.top();
    queue.pop();
    if (settled[node]) continue;
    settled[node] = true;
    for (const Step& step : into[node]) {
      const uint32_t found = sum(step.bytes, settled_cost);
      if (found >= costs[step.from]) continue;
      costs[step.from] = found;
      if (!is_final_[step.from]) queue.emplace(found, step.from);
    }
  }
}

CountedGraph::Stay CountedGraph::stay(uint32_t node, uint32_t count, uint32_t most) const {
  Stay stay{0, cost(node, count)};
  for (; stay.steps < most; stay.steps++) {
    if (count == last_) return {bounded_ ? stay.steps : unbounded, stay.cost};
    count++;
    const uint32_t here = cost(node, count);
    if (here == infinite) break;
    stay.cost = std::max(stay.cost, here);
  }
  return stay;
}

// What all nodes have to pay more at a count than at the next one; none where they differ in more than that.
std::optional<uint32_t> CountedGraph::shift(uint32_t count) const {
  const bool may_end = count >= min_;
  if (may_end != (count + 1 >= min_)) return {};
  std::optional<uint32_t> shift;
  if (may_end) shift = 0;  // what ends costs nothing in either case
  for (uint32_t node = 0; node < nodes_; node++) {
    const uint32_t here = going_on(node, count), next = going_on(node, count + 1);
    if ((here == infinite) != (next == infinite)) return {};
    if (here == infinite) continue;
    if (shift && *shift != here - next) return {};
    shift = here - next;
  }
  return shift.value_or(0);
}

void CountedGraph::find_runs() {
  run_first_.resize(size_t{last_} + 1);
  run_end_.resize(size_t{last_} + 1);
  for (uint32_t first = 0; first <= last_;) {
    uint32_t end = first;
    const std::optional<uint32_t> same = first < last_ ? shift(first) : std::nullopt;
    while (end < last_ && same && shift(end) == same) end++;
    for (uint32_t count = first; count <= end; count++) run_first_[count] = first, run_end_[count] = end;
    first = end + 1;
  }
}

}  // namespace foretell::constrain
