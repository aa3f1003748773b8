#include "constrain/recognizer.h"

#include <algorithm>
#include <tuple>

#include "base/hash.h"
#include "foretell/error.h"

namespace foretell::constrain {
namespace {

using Move = Automaton::Move;

constexpr size_t most_ways = 100'000;  // at once
constexpr uint32_t longest_run = 256;  // steps through a counted graph that are looked ahead
constexpr uint64_t free_slot = UINT64_MAX;

uint64_t mix(uint64_t a, uint64_t b) { return fold(a ^ 0xa0761d6478bd642f, b ^ 0xe7037ed1a0b428db); }

}  // namespace

Recognizer::Recognizer(Automaton automaton) : automaton_(std::move(automaton)) { forget(); }

size_t Recognizer::memory() const {
  return rows_.size() * sizeof(State) + infos_.size() * (sizeof(Info) + 64) + ways_.size() * sizeof(Way) +
         stacks_.size() * (sizeof(Stack) + 64);
}

void Recognizer::forget() {
  stacks_.assign(1, {});
  known_stacks_.clear();
  ways_.clear();
  infos_.clear();
  rows_.clear();
  known_states_.clear();
  known_kinds_.clear();
  clear_seen();
  add(bottom, automaton_.start());
  close();
}

uint32_t Recognizer::push(uint32_t below, uint32_t place, uint32_t count) {
  const uint64_t hash = mix(uint64_t{below} << 32 | place, count);
  std::vector<uint32_t>& candidates = known_stacks_[hash];
  for (const uint32_t i : candidates) {
    if (stacks_[i].below == below && stacks_[i].place == place && stacks_[i].count == count) return i;
  }
  uint64_t cost = stacks_[below].cost;
  if (count == 0) {
    cost += automaton_.cost(place);
  } else {
    const Automaton::Loop& loop = automaton_.loops()[place];
    const uint32_t rounds = count - 1;
    cost += automaton_.cost(loop.exit);
    if (!loop.graph && rounds < loop.min) cost += uint64_t{loop.min - rounds} * automaton_.cost(loop.body);
  }
  const auto stack = static_cast<uint32_t>(stacks_.size());
  stacks_.push_back({below, place, count, Automaton::sum(cost, 0), stack});
  candidates.push_back(stack);
  const uint32_t like_below = stacks_[below].like, like_count = like(place, count);
  if (like_below != below || like_count != count) {
    const uint32_t like = push(like_below, place, like_count);
    stacks_[stack].like = like;
  }
  return stack;
}

// Counts far from their limits need not be told apart: each round and each step reads a byte, and those that read none
// can be left out.
uint32_t Recognizer::like(uint32_t place, uint32_t count) const {
  if (count == 0) return 0;
  const Automaton::Loop& loop = automaton_.loops()[place];
  const uint32_t rounds = count - 1;
  if (loop.graph) return automaton_.counted_graph(loop).ways.like(rounds, near) + 1;
  if (loop.max != unbounded && loop.max - rounds <= near) return count;
  if (rounds >= loop.min) return loop.min + 1;
  return loop.min - rounds > near ? 1 : count;
}

// Remembers a way to look at, once.
void Recognizer::add(uint32_t stack, uint32_t state) {
  const uint64_t key = uint64_t{stack} << 32 | state;
  const auto insert = [this](uint64_t value) {
    size_t slot = mix(value, 1) & (seen_.size() - 1);
    while (seen_[slot] != free_slot && seen_[slot] != value) slot = (slot + 1) & (seen_.size() - 1);
    const bool added = seen_[slot] == free_slot;
    seen_[slot] = value;
    return added;
  };
  if (!insert(key)) return;
  if (++seen_count_ > most_ways) {
    open_.clear();
    clear_seen();
    throw Error({.what = "the grammar is too ambiguous: the text so far can be read in too many ways",
                 .expected = "at most " + std::to_string(most_ways) + " ways at once"});
  }
  open_.push_back({stack, state});
  if (2 * seen_count_ < seen_.size()) return;
  const std::vector<uint64_t> old = std::move(seen_);
  seen_.assign(2 * old.size(), free_slot);
  for (const uint64_t value : old) {
    if (value != free_slot) insert(value);
  }
}

void Recognizer::clear_seen() {
  constexpr size_t usual = 64;
  seen_.assign(seen_.empty() || seen_.size() > 16 * usual ? usual : seen_.size(), free_slot);
  seen_count_ = 0;
}

// At a loop of which so many rounds are done.
void Recognizer::enter_loop(uint32_t number, uint32_t rounds, uint32_t below) {
  const Automaton::Loop& loop = automaton_.loops()[number];
  if (rounds < loop.max) {
    // Where there is no most, what counts beyond the least is no longer told apart.
    const uint32_t begun = loop.max == unbounded ? std::min(rounds + 1, loop.min) : rounds + 1;
    add(push(below, number, begun + 1), loop.body);
  }
  if (rounds >= loop.min) add(below, loop.exit);
}

// At a node of a counted graph after so many steps.
void Recognizer::enter_node(uint32_t number, uint32_t node, uint32_t steps, uint32_t below) {
  const Automaton::Loop& loop = automaton_.loops()[number];
  const Automaton::Counted& graph = automaton_.counted_graph(loop);
  if (graph.ways.going_on(node, steps) != CountedGraph::infinite)
    add(push(below, number, steps + 1), graph.nodes[node]);
  if (graph.ways.ends(node, steps)) add(below, loop.exit);
}

// At the end of a part.
void Recognizer::leave(const Way& way) {
  if (way.stack == bottom) {
    accepts_ = true;
    return;
  }
  const Stack top = stacks_[way.stack];
  if (top.count == 0) return add(top.below, top.place);
  const Automaton::Loop& loop = automaton_.loops()[top.place];
  if (!loop.graph) return enter_loop(top.place, top.count - 1, top.below);
  enter_node(top.place, automaton_.node(way.state), automaton_.counted_graph(loop).ways.next(top.count - 1), top.below);
}

// The fewest bytes from a state to the end of the text.
uint32_t Recognizer::cost(uint32_t state, const Stack& top) const {
  const uint32_t node = automaton_.node(state);
  if (node == Automaton::no_node) return Automaton::sum(automaton_.cost(state), top.cost);
  const Automaton::Counted& graph = automaton_.counted_graph(automaton_.loops()[top.place]);
  const uint32_t steps = top.count - 1;
  if (graph.nodes[node] == state) return Automaton::sum(graph.ways.going_on(node, steps), top.cost);
  return Automaton::sum(uint64_t{automaton_.cost(state)} + graph.ways.cost(node, graph.ways.next(steps)), top.cost);
}

// A byte was read to this state: whether the steps that are left are enough from there on.
bool Recognizer::leads_on(uint32_t state, const Stack& top) const {
  const uint32_t node = automaton_.node(state);
  if (node == Automaton::no_node) return true;
  const CountedGraph& ways = automaton_.counted_graph(automaton_.loops()[top.place]).ways;
  return ways.cost(node, ways.next(top.count - 1)) != CountedGraph::infinite;
}

// Follows what reads nothing from the open ways, and gives the state of those that read a byte.
Recognizer::State Recognizer::close() {
  found_.clear();
  accepts_ = false;
  while (!open_.empty()) {
    const Way way = open_.back();
    open_.pop_back();
    if (automaton_.is_end(way.state)) leave(way);
    bool reads = false;
    for (const Move& move : automaton_.moves(way.state)) {
      switch (move.kind) {
        case Move::Kind::Byte:
          reads = true;
          break;
        case Move::Kind::Skip:
          add(way.stack, move.to);
          break;
        case Move::Kind::Call:  // behind a part's last call there is nothing to remember
          add(automaton_.is_end(move.to) ? way.stack : push(way.stack, move.to, 0), move.target);
          break;
        case Move::Kind::Loop:
          if (automaton_.loops()[move.target].graph)
            enter_node(move.target, 0, 0, way.stack);
          else
            enter_loop(move.target, 0, way.stack);
          break;
      }
    }
    if (reads) found_.push_back(way);
  }
  clear_seen();
  return number_of(found_, accepts_);
}

// What may follow on this way.
Recognizer::Run Recognizer::run_of(const Way& way) const {
  const Automaton::Run* run = automaton_.run(way.state);
  if (run == nullptr) return {};
  const Stack& top = stacks_[way.stack];
  const uint32_t cost = this->cost(way.state, top);
  if (!run->is_counted) return {run->set, run->most, cost};
  const Automaton::Loop& loop = automaton_.loops()[top.place];
  if (!loop.graph) return {run->set, loop.max == unbounded ? unbounded : loop.max - (top.count - 1) + 1, cost};
  const auto stay = automaton_.counted_graph(loop).ways.stay(automaton_.node(way.state), top.count - 1, longest_run);
  return {run->set, stay.steps, Automaton::sum(stay.cost, top.cost)};
}

// The best of its ways: one that lets any token of its characters pass, and of those the one with the most characters.
const Recognizer::Run& Recognizer::find_run(Info& info) const {
  const auto rank = [this](const Run& run) {
    const bool enough = run.characters >= near;
    return std::tuple(run.characters > 0, enough, enough ? run_sets()[run.set].size : 0, run.characters, ~run.cost);
  };
  for (const Way& way : ways(info)) {
    const Run run = run_of(way);
    if (rank(run) > rank(info.run)) info.run = run;
  }
  info.knows_run = true;
  return info.run;
}

Recognizer::State Recognizer::number_of(std::vector<Way>& ways, bool accepts) {
  if (ways.empty() && !accepts) return dead;
  std::sort(ways.begin(), ways.end());
  uint64_t hash = accepts ? 1 : 0;
  for (const Way& way : ways) hash = mix(hash, uint64_t{way.stack} << 32 | way.state);
  std::vector<State>& candidates = known_states_[hash];
  for (const State s : candidates) {
    if (this->accepts(s) == accepts && std::ranges::equal(this->ways(s), ways)) return s;
  }
  Info info{.first = ways_.size(), .count = static_cast<uint32_t>(ways.size()), .accepts = accepts};
  info.ways_cost = Automaton::huge;
  for (const Way& way : ways) {
    const uint32_t cost = this->cost(way.state, stacks_[way.stack]);
    info.ways_cost = std::min(info.ways_cost, cost);
  }
  info.cost = accepts ? 0 : info.ways_cost;
  ways_.insert(ways_.end(), ways.begin(), ways.end());
  infos_.push_back(info);
  rows_.resize(rows_.size() + automaton_.byte_classes(), unknown);
  candidates.push_back(static_cast<State>(infos_.size() - 1));
  return candidates.back();
}

uint32_t Recognizer::kind(State state) {
  Info& info = infos_[index(state)];
  if (info.kind) return *info.kind;
  constexpr uint32_t large = 1 << 30;  // costs of which sums might be cut off
  Kind key = {{UINT64_MAX, info.accepts ? 1U : 0U}};
  for (const Way& way : ways(state)) {
    const uint32_t cost = this->cost(way.state, stacks_[way.stack]);
    if (cost > large) {
      key = {{UINT64_MAX, static_cast<uint32_t>(state) + 2}};  // like no other
      break;
    }
    key.emplace_back(uint64_t{stacks_[way.stack].like} << 32 | way.state, cost - info.ways_cost);
  }
  std::sort(key.begin(), key.end());
  return *(info.kind =
               known_kinds_.try_emplace(std::move(key), static_cast<uint32_t>(known_kinds_.size())).first->second);
}

Recognizer::State Recognizer::find_next(State state, uint8_t byte) {
  open_.clear();
  for (const Way& way : ways(state)) {
    for (const Move& move : automaton_.moves(way.state)) {
      if (move.kind == Move::Kind::Byte && move.first <= byte && byte <= move.last &&
          leads_on(move.to, stacks_[way.stack]))
        add(way.stack, move.to);
    }
  }
  const State found = close();
  return rows_[row_index(state, byte)] = found;
}

std::optional<uint8_t> Recognizer::only_byte(State state) const {
  if (accepts(state)) return {};
  std::optional<uint8_t> only;
  for (const Way& way : ways(state)) {
    for (const Move& move : automaton_.moves(way.state)) {
      if (move.kind != Move::Kind::Byte || !leads_on(move.to, stacks_[way.stack])) continue;
      if (move.first != move.last || (only && *only != move.first)) return {};
      only = move.first;
    }
  }
  return only;
}

// The move that starts a shortest way.
const Move& Recognizer::best_move(uint32_t state, const Stack& top) const {
  const uint32_t node = automaton_.node(state);
  if (node == Automaton::no_node) return automaton_.best_move(state);
  const Automaton::Counted& graph = automaton_.counted_graph(automaton_.loops()[top.place]);
  if (graph.nodes[node] != state) return automaton_.best_move(state);
  // Which step is best depends on how many are left.
  const std::span<const Move> moves = automaton_.moves(state);
  const Move* best = &moves.front();
  uint32_t least = UINT32_MAX;
  for (const Move& move : moves) {
    if (!leads_on(move.to, top)) continue;
    if (const uint32_t found = cost(move.to, top); found < least) least = found, best = &move;
  }
  return *best;
}

std::string Recognizer::shortest(State state) const {
  if (accepts(state)) return {};
  Way best{};
  uint32_t least = UINT32_MAX;
  for (const Way& way : ways(state)) {
    const uint32_t cost = this->cost(way.state, stacks_[way.stack]);
    if (cost < least) least = cost, best = way;
  }
  // The stack, from the bottom to the top, as it changes on the way.
  std::vector<Stack> stack;
  for (uint32_t i = best.stack; i != bottom; i = stacks_[i].below) stack.push_back(stacks_[i]);
  std::reverse(stack.begin(), stack.end());
  std::string text;
  const auto loop_on = [&](uint32_t number, uint32_t rounds) {
    const Automaton::Loop& loop = automaton_.loops()[number];
    if (rounds >= loop.min) return loop.exit;
    stack.push_back({.place = number, .count = rounds + 2});
    return loop.body;
  };
  const auto step_on = [&](uint32_t number, uint32_t node, uint32_t steps) {
    const Automaton::Loop& loop = automaton_.loops()[number];
    const Automaton::Counted& graph = automaton_.counted_graph(loop);
    if (graph.ways.ends(node, steps)) return loop.exit;
    stack.push_back({.place = number, .count = steps + 1});
    return graph.nodes[node];
  };
  for (uint32_t at = best.state;;) {
    if (automaton_.is_end(at)) {
      if (stack.empty()) return text;
      const Stack top = stack.back();
      stack.pop_back();
      if (top.count == 0)
        at = top.place;
      else if (const auto& loop = automaton_.loops()[top.place]; loop.graph)
        at = step_on(top.place, automaton_.node(at), automaton_.counted_graph(loop).ways.next(top.count - 1));
      else
        at = loop_on(top.place, top.count - 1);
      continue;
    }
    const Move& move = stack.empty() ? automaton_.best_move(at) : best_move(at, stack.back());
    switch (move.kind) {
      case Move::Kind::Byte: {
        const auto inside = [&move](uint8_t c) { return move.first <= c && c <= move.last; };
        text += static_cast<char>(inside('a') ? 'a' : inside('0') ? '0' : inside(' ') ? ' ' : move.first);
        at = move.to;
        break;
      }
      case Move::Kind::Skip:
        at = move.to;
        break;
      case Move::Kind::Call:
        if (!automaton_.is_end(move.to)) stack.push_back({.place = move.to});
        at = move.target;
        break;
      case Move::Kind::Loop:
        at = automaton_.loops()[move.target].graph ? step_on(move.target, 0, 0) : loop_on(move.target, 0);
        break;
    }
  }
}

}  // namespace foretell::constrain
