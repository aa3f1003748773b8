#include "constrain/dfa.h"

#include <algorithm>
#include <map>

#include "foretell/error.h"
#include "tokenizer/utf8.h"

namespace foretell::constrain {
namespace {

constexpr size_t most_states = 100'000, most_edges = 1'000'000;

[[noreturn]] void too_large() {
  throw Error({.what = "conditions on a text are too large to be met together",
               .expected = "at most " + std::to_string(most_states) + " states"});
}

// The expression as states with ways that read nothing (Thompson's construction).
class Nfa {
 public:
  struct State {
    std::vector<Dfa::Edge> edges;
    std::vector<uint32_t> skips;
  };

  Nfa(const Rules& rules, ExpressionId expression) : rules_(rules) {
    const uint32_t start = add();
    end_ = add();
    build(expression, start, end_);
  }
  const State& operator[](uint32_t i) const { return states_[i]; }
  uint32_t end() const { return end_; }

  // With all states that are reached without reading, sorted.
  std::vector<uint32_t> close(std::vector<uint32_t> set) const {
    std::vector<uint32_t> open = set;
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    std::vector<bool> seen(states_.size());
    for (const uint32_t s : set) seen[s] = true;
    while (!open.empty()) {
      const uint32_t s = open.back();
      open.pop_back();
      for (const uint32_t next : states_[s].skips) {
        if (seen[next]) continue;
        seen[next] = true;
        set.push_back(next);
        open.push_back(next);
      }
    }
    std::sort(set.begin(), set.end());
    return set;
  }

 private:
  uint32_t add() {
    if (states_.size() == most_states) too_large();
    states_.emplace_back();
    return static_cast<uint32_t>(states_.size() - 1);
  }

  void build(ExpressionId id, uint32_t from, uint32_t to) {
    const Expression& e = rules_[id];
    switch (e.kind) {
      case Expression::Kind::Literal: {
        const std::string& text = rules_.literal_of(e);
        for (size_t at = 0; at < text.size();) {
          const char32_t c = tokenization::next_character(text, at);
          const uint32_t next = add();
          states_[from].edges.push_back({c, c, next});
          from = next;
        }
        states_[from].skips.push_back(to);
        return;
      }
      case Expression::Kind::Characters:
        for (const CodePointRange& r : rules_.set_of(e).ranges()) states_[from].edges.push_back({r.first, r.last, to});
        return;
      case Expression::Kind::Sequence:
        for (const ExpressionId part : e.parts) {
          const uint32_t next = add();
          build(part, from, next);
          from = next;
        }
        states_[from].skips.push_back(to);
        return;
      case Expression::Kind::Choice:
        for (const ExpressionId part : e.parts) build(part, from, to);
        return;
      case Expression::Kind::Repeat:
        return build_repeat(e, from, to);
      default:  // Never; rules and graphs are not asked for
        return;
    }
  }

  void build_repeat(const Expression& e, uint32_t from, uint32_t to) {
    for (uint32_t i = 0; i < e.min; i++) {
      const uint32_t next = add();
      build(e.parts[0], from, next);
      from = next;
    }
    if (e.max == unbounded) {
      const uint32_t head = add();
      states_[from].skips.push_back(head);
      build(e.parts[0], head, head);
      from = head;
    }
    for (uint32_t i = e.min; i < e.max && e.max != unbounded; i++) {
      states_[from].skips.push_back(to);
      const uint32_t next = add();
      build(e.parts[0], from, next);
      from = next;
    }
    states_[from].skips.push_back(to);
  }

  const Rules& rules_;
  std::vector<State> states_;
  uint32_t end_ = 0;
};

// Cuts overlapping ranges into pieces, each with all places that it leads to: visit(first, last, places).
template <class Visit>
void cut(const std::vector<Dfa::Edge>& edges, Visit&& visit) {
  std::map<char32_t, std::vector<std::pair<uint32_t, bool>>> events;  // where a range begins, and where it has ended
  for (const Dfa::Edge& e : edges) {
    events[e.first].emplace_back(e.to, true);
    events[e.last + 1].emplace_back(e.to, false);
  }
  std::map<uint32_t, int> active;
  for (auto at = events.begin(); at != events.end(); ++at) {
    for (const auto& [to, begins] : at->second) {
      if ((active[to] += begins ? 1 : -1) == 0) active.erase(to);
    }
    if (active.empty()) continue;
    std::vector<uint32_t> places;
    places.reserve(active.size());
    for (const auto& [to, count] : active) places.push_back(to);
    visit(at->first, std::next(at)->first - 1, std::move(places));
  }
}

void append(std::vector<Dfa::Edge>& edges, const Dfa::Edge& edge) {
  if (!edges.empty() && edges.back().to == edge.to && edges.back().last + 1 == edge.first)
    edges.back().last = edge.last;
  else
    edges.push_back(edge);
}

}  // namespace

uint32_t Dfa::add_state(bool accepts) {
  if (edges_.size() == most_states) too_large();
  edges_.emplace_back();
  accepts_.push_back(accepts);
  return static_cast<uint32_t>(edges_.size() - 1);
}

Dfa Dfa::of(const Rules& rules, ExpressionId expression) {
  const Nfa nfa(rules, expression);
  Dfa dfa;
  std::map<std::vector<uint32_t>, uint32_t> known;
  std::vector<const std::vector<uint32_t>*> sets;
  size_t edges = 0;
  const auto number_of = [&](std::vector<uint32_t> set) {
    const auto [place, added] = known.try_emplace(nfa.close(std::move(set)), 0);
    if (added) {
      place->second = dfa.add_state(std::binary_search(place->first.begin(), place->first.end(), nfa.end()));
      sets.push_back(&place->first);
    }
    return place->second;
  };
  number_of({0});
  for (uint32_t state = 0; state < sets.size(); state++) {
    std::vector<Edge> out;
    for (const uint32_t s : *sets[state]) out.insert(out.end(), nfa[s].edges.begin(), nfa[s].edges.end());
    std::vector<Edge> row;
    cut(out, [&](char32_t first, char32_t last, std::vector<uint32_t> places) {
      append(row, {first, last, number_of(std::move(places))});
    });
    if ((edges += row.size()) > most_edges) too_large();
    dfa.edges_[state] = std::move(row);
  }
  return dfa;
}

Dfa Dfa::lengths(uint32_t min, uint32_t max) {
  Dfa dfa;
  const uint32_t states = max == unbounded ? min : max;
  for (uint32_t i = 0; i <= states; i++) {
    dfa.add_state(i >= min);
    if (i < states) dfa.edges_[i] = {{0, 0x10ffff, i + 1}};
  }
  if (max == unbounded) dfa.edges_[states] = {{0, 0x10ffff, states}};
  return dfa;
}

Dfa Dfa::lengths_modulo(uint32_t divisor, uint32_t rest) {
  Dfa dfa;
  for (uint32_t i = 0; i < divisor; i++) {
    dfa.add_state(i == rest);
    dfa.edges_[i] = {{0, 0x10ffff, (i + 1) % divisor}};
  }
  return dfa;
}

Dfa Dfa::intersect(const Dfa& other) const {
  Dfa dfa;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> known;
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  size_t edges = 0;
  const auto number_of = [&](uint32_t a, uint32_t b) {
    const auto [place, added] = known.try_emplace({a, b}, 0);
    if (added) {
      place->second = dfa.add_state(accepts_[a] && other.accepts_[b]);
      pairs.emplace_back(a, b);
    }
    return place->second;
  };
  number_of(0, 0);
  for (uint32_t state = 0; state < pairs.size(); state++) {
    const auto &a = edges_[pairs[state].first], &b = other.edges_[pairs[state].second];
    std::vector<Edge> row;
    for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
      const char32_t first = std::max(a[i].first, b[j].first), last = std::min(a[i].last, b[j].last);
      if (first <= last) append(row, {first, last, number_of(a[i].to, b[j].to)});
      a[i].last < b[j].last ? i++ : j++;
    }
    if ((edges += row.size()) > most_edges) too_large();
    dfa.edges_[state] = std::move(row);
  }
  return dfa;
}

Dfa Dfa::complement() const {
  Dfa dfa = *this;
  for (size_t i = 0; i < accepts_.size(); i++) dfa.accepts_[i] = !accepts_[i];
  const uint32_t rest = dfa.add_state(true);
  for (auto& row : dfa.edges_) {
    std::vector<Edge> whole;
    char32_t next = 0;
    for (const Edge& e : row) {
      if (e.first > next) append(whole, {next, e.first - 1, rest});
      append(whole, e);
      next = e.last + 1;
    }
    if (next <= 0x10ffff) append(whole, {next, 0x10ffff, rest});
    row = std::move(whole);
  }
  return dfa;
}

bool Dfa::empty() const {
  std::vector<bool> seen(edges_.size());
  std::vector<uint32_t> open = {0};
  seen[0] = true;
  while (!open.empty()) {
    const uint32_t state = open.back();
    open.pop_back();
    if (accepts_[state]) return false;
    for (const Edge& e : edges_[state]) {
      if (!seen[e.to]) open.push_back(e.to);
      seen[e.to] = true;
    }
  }
  return true;
}

bool Dfa::matches(std::string_view utf8) const {
  uint32_t state = 0;
  for (size_t at = 0; at < utf8.size();) {
    const char32_t c = tokenization::next_character(utf8, at);
    const auto& row = edges_[state];
    const auto edge = std::find_if(row.begin(), row.end(), [c](const Edge& e) { return e.first <= c && c <= e.last; });
    if (edge == row.end()) return false;
    state = edge->to;
  }
  return accepts_[state];
}

ExpressionId Dfa::expression(Rules& rules, Encoding encoding, uint32_t min, uint32_t max) const {
  if (min > max) return rules.never();
  Graph graph;
  graph.nodes = static_cast<uint32_t>(edges_.size());
  graph.min = min, graph.max = max;
  for (uint32_t state = 0; state < edges_.size(); state++) {
    std::map<uint32_t, CodePointSet> by_place;
    for (const Edge& e : edges_[state]) by_place[e.to].add(e.first, e.last);
    for (const auto& [to, set] : by_place) graph.edges.push_back({state, to, rules.characters(set, encoding)});
    if (accepts_[state]) graph.finals.push_back(state);
  }
  return rules.graph(std::move(graph));
}

}  // namespace foretell::constrain
