#include "constrain/automaton.h"

#include <algorithm>
#include <queue>

#include "constrain/automaton_builder.h"
#include "foretell/error.h"

namespace foretell::constrain {
namespace {

constexpr uint32_t infinite = UINT32_MAX;

}  // namespace

Automaton::Automaton(const Rules& rules, const CodePointSet& alphabet) {
  AutomatonBuilder builder(*this, rules, alphabet);
  builder.build();
  find_costs();
  if (cost_[start_] == infinite)
    throw Error({.what = "no text fits the grammar", .expected = "a grammar that some text comes to the end of"});
  remove_dead_moves();
  find_byte_classes();
  check_left_recursion(builder.rule_starts());
}

void Automaton::find_byte_classes() {
  std::array<bool, 257> begins{};
  begins[0] = true;
  for (const Move& move : moves_) {
    if (move.kind == Move::Kind::Byte) begins[move.first] = begins[move.last + 1UL] = true;
  }
  uint32_t classes = 0;
  for (size_t byte = 0; byte < 256; byte++) {
    if (begins[byte]) classes++;
    byte_class_[byte] = static_cast<uint8_t>(classes - 1);
  }
  byte_classes_ = classes;
}

void Automaton::find_costs() {
  settle_costs();
  if (counted_.empty()) return;
  fill_counted_graphs();
  settle_costs();  // with what the ways through them cost
}

// Steps read bytes alone, so their costs are known before those of anything else.
void Automaton::fill_counted_graphs() {
  for (Counted& graph : counted_) {
    std::vector<CountedGraph::Step> steps;
    for (uint32_t node = 0; node < graph.nodes.size(); node++) {
      for (const Move& move : moves(graph.nodes[node])) {
        if (cost_[move.to] == infinite) continue;
        const CountedGraph::Step step{node, node_[move.to], 1 + cost_[move.to]};
        if (steps.empty() || steps.back().from != step.from || steps.back().to != step.to)
          steps.push_back(step);
        else
          steps.back().bytes = std::min(steps.back().bytes, step.bytes);
      }
    }
    graph.ways.fill(steps);
  }
}

// Of all its rounds; infinite where there is no way.
uint32_t Automaton::least_cost(const Loop& loop) const {
  if (loop.graph) return counted_graph(loop).ways.cost(0, 0);
  if (loop.min == 0) return 0;
  return cost_[loop.body] == infinite ? infinite : sum(uint64_t{loop.min} * cost_[loop.body], 0);
}

// Knuth, "A generalization of Dijkstra's algorithm" (1977): states are settled from the cheapest on; a call is known
// when both its part and what follows it are.
void Automaton::settle_costs() {
  const size_t states = is_end_.size();
  cost_.assign(states, infinite);
  best_move_.assign(states, 0);
  std::vector<State> from_of(moves_.size());
  std::vector<uint32_t> first(states + 1);  // where the moves that wait for each state begin in `waiting`
  const auto needs = [this](const Move& move) -> std::array<State, 2> {
    if (move.kind == Move::Kind::Call) return {move.to, move.target};
    if (move.kind == Move::Kind::Loop && !loops_[move.target].graph && loops_[move.target].min > 0)
      return {move.to, loops_[move.target].body};
    return {move.to, move.to};
  };
  for (State state = 0; state < states; state++) {
    for (uint32_t i = first_move_[state]; i < first_move_[state + 1]; i++) from_of[i] = state;
  }
  for (const Move& move : moves_) {
    const auto [a, b] = needs(move);
    first[a + 1]++;
    if (b != a) first[b + 1]++;
  }
  for (size_t i = 0; i < states; i++) first[i + 1] += first[i];
  std::vector<uint32_t> waiting(first[states]), next(first.begin(), first.end() - 1);
  for (uint32_t i = 0; i < moves_.size(); i++) {
    const auto [a, b] = needs(moves_[i]);
    waiting[next[a]++] = i;
    if (b != a) waiting[next[b]++] = i;
  }

  struct Entry {
    uint32_t cost;
    State state;
    uint32_t move;
    bool operator<(const Entry& other) const {
      return cost != other.cost ? cost > other.cost : move > other.move;  // the cheapest first, then the first one
    }
  };
  std::priority_queue<Entry> queue;
  for (State state = 0; state < states; state++) {
    if (is_end_[state]) queue.push({0, state, 0});
  }
  while (!queue.empty()) {
    const Entry entry = queue.top();
    queue.pop();
    if (cost_[entry.state] != infinite) continue;
    cost_[entry.state] = entry.cost;
    best_move_[entry.state] = entry.move;
    for (uint32_t i = first[entry.state]; i < first[entry.state + 1]; i++) {
      const Move& move = moves_[waiting[i]];
      const auto [a, b] = needs(move);
      if (cost_[a] == infinite || cost_[b] == infinite) continue;
      uint64_t cost = cost_[move.to];
      if (move.kind == Move::Kind::Byte) cost += 1;
      if (move.kind == Move::Kind::Call) cost += cost_[move.target];
      if (move.kind == Move::Kind::Loop) {
        const uint32_t rounds = least_cost(loops_[move.target]);
        if (rounds == infinite) continue;
        cost += rounds;
      }
      queue.push({sum(cost, 0), from_of[waiting[i]], waiting[i]});
    }
  }
}

// Takes away what leads nowhere, and steps over states that only skip on.
void Automaton::remove_dead_moves() {
  for (Loop& loop : loops_) {
    if (cost_[loop.body] == infinite) loop.max = 0;
  }
  const auto dead = [this](const Move& move) {
    if (cost_[move.to] == infinite) return true;
    if (move.kind == Move::Kind::Call) return cost_[move.target] == infinite;
    if (move.kind != Move::Kind::Loop) return false;
    const Loop& loop = loops_[move.target];
    return loop.graph ? least_cost(loop) == infinite : loop.min > loop.max;
  };
  std::vector<Move> kept;
  for (State state = 0; state < is_end_.size(); state++) {
    const uint32_t begin = first_move_[state], end = first_move_[state + 1];
    first_move_[state] = static_cast<uint32_t>(kept.size());
    uint32_t best = 0;
    for (uint32_t i = begin; i < end; i++) {
      if (dead(moves_[i])) continue;
      if (i == best_move_[state]) best = static_cast<uint32_t>(kept.size());
      kept.push_back(moves_[i]);
    }
    best_move_[state] = best;
  }
  first_move_.back() = static_cast<uint32_t>(kept.size());
  moves_ = std::move(kept);
  const auto further = [this](State state) {
    while (!is_end_[state] && moves(state).size() == 1 && moves(state)[0].kind == Move::Kind::Skip &&
           moves(state)[0].to != state)
      state = moves(state)[0].to;
    return state;
  };
  for (Move& move : moves_) move.to = further(move.to);
  for (Loop& loop : loops_) loop.exit = further(loop.exit);
}

// A rule that comes to itself without reading anything would go on for ever.
void Automaton::check_left_recursion(const std::vector<std::pair<State, std::string>>& rule_starts) const {
  const auto successors = [this](State state, auto&& visit) {
    for (const Move& move : moves(state)) {
      if (move.kind == Move::Kind::Byte) continue;
      bool through = move.kind == Move::Kind::Skip;
      if (move.kind == Move::Kind::Call) {
        visit(move.target, true);
        through = cost_[move.target] == 0;
      } else if (move.kind == Move::Kind::Loop) {
        const Loop& loop = loops_[move.target];
        if (loop.max > 0) visit(loop.body, false);
        through = least_cost(loop) == 0;
      }
      if (through) visit(move.to, false);
    }
  };
  // Depth first without recursion; a call to a state that is open on a way with a call is the finding.
  enum : uint8_t { fresh, open, closed };
  std::vector<uint8_t> mark(is_end_.size(), fresh);
  struct Visit {
    State state;
    bool leaving, by_call;
  };
  const auto name_of = [&](State start) {
    for (const auto& [state, name] : rule_starts) {
      if (state == start) return name;
    }
    return std::string("?");
  };
  for (const auto& [start, name] : rule_starts) {
    std::vector<Visit> stack = {{start, false, true}};
    std::vector<std::pair<State, bool>> way;  // the open states, and whether they were called
    while (!stack.empty()) {
      const Visit visit = stack.back();
      stack.pop_back();
      if (visit.leaving) {
        mark[visit.state] = closed;
        way.pop_back();
        continue;
      }
      if (mark[visit.state] == closed) continue;
      if (mark[visit.state] == open) {
        auto at = std::find_if(way.begin(), way.end(), [&](const auto& step) { return step.first == visit.state; });
        std::string cycle;
        bool called = visit.by_call;
        for (auto step = at; step != way.end(); ++step) {
          if (step->second && step != at) called = true;
          if (step->second) cycle += name_of(step->first) + " -> ";
        }
        if (called)
          throw Error(
              {.what = "the grammar has left recursion: a rule begins with itself",
               .where = cycle + name_of(visit.state),
               .hint = "write \"list ::= item (\\\",\\\" item)*\" for \"list ::= list \\\",\\\" item | item\""});
        continue;
      }
      mark[visit.state] = open;
      way.emplace_back(visit.state, visit.by_call);
      stack.push_back({visit.state, true, false});
      successors(visit.state, [&](State next, bool by_call) { stack.push_back({next, false, by_call}); });
    }
  }
}

}  // namespace foretell::constrain
