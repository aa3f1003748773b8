#include "constrain/automaton_builder.h"

#include <algorithm>

#include "foretell/error.h"
#include "tokenizer/utf8.h"

namespace foretell::constrain {
namespace {

using Move = Automaton::Move;
using Kind = Expression::Kind;

constexpr size_t most_moves = 4'000'000;
constexpr uint64_t most_copied = 96;  // moves that a small repetition or rule may be written out into
constexpr uint64_t endless_size = 1ULL << 40;
constexpr size_t most_run_sets = 16;     // of which each needs a byte for each node of the vocabulary's trie
constexpr uint32_t least_run_size = 16;  // characters; of fewer, tokens are tried in no time

}  // namespace

AutomatonBuilder::State AutomatonBuilder::new_state() {
  automaton_.is_end_.push_back(false);
  automaton_.run_of_.push_back(0);
  automaton_.node_.push_back(Automaton::no_node);
  return static_cast<State>(automaton_.is_end_.size() - 1);
}

AutomatonBuilder::State AutomatonBuilder::add_end() {
  const State end = new_state();
  automaton_.is_end_[end] = true;
  return end;
}

void AutomatonBuilder::add(State from, Move move) {
  if (moves_.size() == most_moves)
    throw Error({.what = "the grammar is too large", .expected = "at most " + std::to_string(most_moves) + " moves"});
  moves_.emplace_back(from, move);
}

void AutomatonBuilder::build() {
  starts_.resize(rules_.rule_count());
  small_.resize(rules_.rule_count());
  automaton_.start_ = new_state();
  build(rules_.root(), automaton_.start_, add_end());
  while (!waiting_.empty()) {
    const RuleId id = waiting_.back();
    waiting_.pop_back();
    build(rules_.rule_of(id).body, *starts_[id], add_end());
  }
  // By state, in the order in which they were added.
  const size_t states = automaton_.is_end_.size();
  automaton_.first_move_.assign(states + 1, 0);
  for (const auto& [from, move] : moves_) automaton_.first_move_[from + 1]++;
  for (size_t i = 0; i < states; i++) automaton_.first_move_[i + 1] += automaton_.first_move_[i];
  std::vector<uint32_t> next(automaton_.first_move_.begin(), automaton_.first_move_.end() - 1);
  automaton_.moves_.resize(moves_.size());
  for (const auto& [from, move] : moves_) automaton_.moves_[next[from]++] = move;
}

std::vector<std::pair<Automaton::State, std::string>> AutomatonBuilder::rule_starts() const {
  std::vector<std::pair<State, std::string>> result;
  for (RuleId id = 0; id < starts_.size(); id++) {
    if (starts_[id]) result.emplace_back(*starts_[id], rules_.rule_of(id).name);
  }
  return result;
}

// The ways of an expression lead from `from`, to which none of them comes back, to `to`.
void AutomatonBuilder::build(ExpressionId id, State from, State to) {
  const Expression& e = rules_[id];
  switch (e.kind) {
    case Kind::Never:
      return;
    case Kind::Literal:
      return build_literal(rules_.literal_of(e), from, to);
    case Kind::Characters:
      return build_characters(e, from, to);
    case Kind::Sequence:
      return build_sequence(e, from, to);
    case Kind::Choice:
      for (const ExpressionId part : e.parts) build(part, from, to);
      return;
    case Kind::Repeat:
      return build_repeat(e, from, to);
    case Kind::Rule:
      return build_rule(e.index, from, to);
    case Kind::Graph:
      return build_graph(rules_.graph_of(e), from, to);
  }
}

void AutomatonBuilder::build_sequence(const Expression& e, State from, State to) {
  for (size_t i = 0; i < e.parts.size(); i++) {
    const State next = i + 1 == e.parts.size() ? to : new_state();
    build(e.parts[i], from, next);
    from = next;
  }
}

void AutomatonBuilder::build_literal(std::string_view text, State from, State to) {
  for (size_t at = 0; at < text.size();) {
    size_t position = at;
    if (!alphabet_.contains(tokenization::next_character(text, position))) return;
    at = position;
  }
  if (text.empty()) return skip(from, to);
  for (size_t i = 0; i < text.size(); i++) {
    const State next = i + 1 == text.size() ? to : new_state();
    const auto byte = static_cast<uint8_t>(text[i]);
    add(from, {.kind = Move::Kind::Byte, .first = byte, .last = byte, .to = next});
    from = next;
  }
}

void AutomatonBuilder::build_graph(const Graph& graph, State from, State to) {
  if (graph.min > 0 || graph.max != unbounded) return build_counted_graph(graph, from, to);
  std::vector<State> states(graph.nodes);
  for (State& state : states) state = new_state();
  skip(from, states[0]);
  for (const Graph::Edge& edge : graph.edges) {
    build(edge.label, states[edge.from], states[edge.to]);
    if (edge.from == edge.to) mark_run(states[edge.from], run_characters(edge.label), {.most = unbounded});
  }
  for (const uint32_t final : graph.finals) skip(states[final], to);
}

void AutomatonBuilder::build_counted_graph(const Graph& graph, State from, State to) {
  Automaton::Counted counted{{graph.nodes, graph.finals, graph.min, graph.max}, std::vector<State>(graph.nodes)};
  std::vector<State> ends(graph.nodes);  // of steps to each node
  for (uint32_t node = 0; node < graph.nodes; node++) {
    counted.nodes[node] = new_state();
    ends[node] = add_end();
    automaton_.node_[counted.nodes[node]] = automaton_.node_[ends[node]] = node;
  }
  for (const Graph::Edge& edge : graph.edges) {
    const auto inside = static_cast<std::ptrdiff_t>(automaton_.node_.size());
    build(edge.label, counted.nodes[edge.from], ends[edge.to]);
    std::fill(automaton_.node_.begin() + inside, automaton_.node_.end(), edge.to);
    if (edge.from == edge.to) mark_run(counted.nodes[edge.from], run_characters(edge.label), {.is_counted = true});
  }
  automaton_.loops_.push_back({.body = counted.nodes[0],
                               .exit = to,
                               .min = graph.min,
                               .max = graph.max,
                               .graph = static_cast<uint32_t>(automaton_.counted_.size())});
  automaton_.counted_.push_back(std::move(counted));
  add(from, {.kind = Move::Kind::Loop, .to = to, .target = static_cast<uint32_t>(automaton_.loops_.size() - 1)});
}

void AutomatonBuilder::build_rule(RuleId id, State from, State to) {
  if (is_small_rule(id)) return build(rules_.rule_of(id).body, from, to);
  if (!starts_[id]) {
    starts_[id] = new_state();
    waiting_.push_back(id);
  }
  add(from, {.kind = Move::Kind::Call, .to = to, .target = *starts_[id]});
}

void AutomatonBuilder::build_repeat(const Expression& e, State from, State to) {
  const ExpressionId part = e.parts[0];
  const uint64_t size = size_of(part), copies = e.max == unbounded ? e.min : e.max;
  if (copies > 1 && (size >= most_copied || size * copies > most_copied)) return build_loop(e, from, to);
  const CodePointSet run = copies > 1 ? run_characters(part) : CodePointSet();
  const auto left = [&e](uint32_t i) { return e.max == unbounded ? unbounded : e.max - i; };
  if (!run.empty()) {  // in states that nothing else begins in
    const State head = new_state();
    skip(from, head);
    from = head;
  }
  for (uint32_t i = 0; i < e.min; i++) {
    const State next = new_state();
    mark_run(from, run, {.most = left(i)});
    build(part, from, next);
    from = next;
  }
  if (e.max == unbounded) return build_star(part, from, to);
  for (uint32_t i = e.min; i < e.max; i++) {
    mark_run(from, run, {.most = left(i)});
    skip(from, to);
    const State next = i + 1 == e.max ? to : new_state();
    build(part, from, next);
    from = next;
  }
  if (e.min == e.max) skip(from, to);
}

void AutomatonBuilder::build_star(ExpressionId part, State from, State to) {
  const State head = new_state();
  mark_run(head, run_characters(part), {.most = unbounded});
  skip(from, head);
  build(part, head, head);
  skip(head, to);
}

void AutomatonBuilder::build_loop(const Expression& e, State from, State to) {
  const State body = new_state();
  mark_run(body, run_characters(e.parts[0]), {.is_counted = true});
  build(e.parts[0], body, add_end());
  automaton_.loops_.push_back({.body = body, .exit = to, .min = e.min, .max = e.max});
  add(from, {.kind = Move::Kind::Loop, .to = to, .target = static_cast<uint32_t>(automaton_.loops_.size() - 1)});
}

// About how many moves an expression becomes.
uint64_t AutomatonBuilder::size_of(ExpressionId id) {
  if (sizes_.size() <= id) sizes_.resize(id + 1);
  if (sizes_[id] != 0) return sizes_[id];
  sizes_[id] = endless_size;  // for what contains itself
  const Expression& e = rules_[id];
  uint64_t size = 1;
  switch (e.kind) {
    case Kind::Never:
      break;
    case Kind::Literal:
      size = std::max<uint64_t>(1, rules_.literal_of(e).size());
      break;
    case Kind::Characters:
      for (const CodePointRange& range : rules_.set_of(e).ranges())
        size += range.last < 0x80 ? 1 : range.last < 0x800 ? 2 : 5;
      break;
    case Kind::Repeat:
      size = size_of(e.parts[0]);
      if (e.max != unbounded && size < most_copied) size *= e.max;
      if (size > most_copied) size = size_of(e.parts[0]) + 1;
      break;
    case Kind::Sequence:
    case Kind::Choice:
      size = 0;
      for (const ExpressionId part : e.parts) size = std::min(endless_size, size + size_of(part));
      break;
    case Kind::Rule:
      size = is_small_rule(e.index) ? size_of(rules_.rule_of(e.index).body) : 1;
      break;
    case Kind::Graph:
      size = 2 * most_copied;
      break;
  }
  return sizes_[id] = size;
}

// Small rules that do not come to themselves are written out where they are used.
bool AutomatonBuilder::is_small_rule(RuleId id) {
  if (small_[id] == 0) {
    small_[id] = 2;  // while it is looked at: a rule that comes to itself
    if (size_of(rules_.rule_of(id).body) <= most_copied && !calls(rules_.rule_of(id).body)) small_[id] = 1;
  }
  return small_[id] == 1;
}

// Whether it needs a rule that is not written out.
bool AutomatonBuilder::calls(ExpressionId id) {
  const Expression& e = rules_[id];
  if (e.kind == Kind::Rule) return !is_small_rule(e.index);
  return e.kind == Kind::Graph ||
         std::any_of(e.parts.begin(), e.parts.end(), [this](ExpressionId part) { return calls(part); });
}

// Plain characters of which each is a text of the expression.
CodePointSet AutomatonBuilder::run_characters(ExpressionId id) {
  const Expression& e = rules_[id];
  if (e.kind == Kind::Characters) return rules_.set_of(e).intersect(plain_);
  if (e.kind == Kind::Rule && is_small_rule(e.index)) return run_characters(rules_.rule_of(e.index).body);
  CodePointSet set;
  if (e.kind == Kind::Choice) {
    for (const ExpressionId part : e.parts) set.add(run_characters(part));
  }
  return set;
}

void AutomatonBuilder::mark_run(State state, const CodePointSet& set, Automaton::Run run) {
  uint32_t size = 0;
  for (const CodePointRange& range : set.ranges()) size += range.last - range.first + 1;
  if (size < least_run_size) return;
  std::vector<Automaton::RunSet>& sets = automaton_.run_sets_;
  const auto known = std::find_if(sets.begin(), sets.end(), [&](const auto& known) { return known.characters == set; });
  if (known == sets.end() && sets.size() == most_run_sets) return;
  run.set = static_cast<uint32_t>(known - sets.begin());
  if (known == sets.end()) sets.push_back({set, size});
  automaton_.runs_.push_back(run);
  automaton_.run_of_[state] = static_cast<uint32_t>(automaton_.runs_.size());
}

}  // namespace foretell::constrain
