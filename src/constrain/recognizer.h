// Reads a text byte by byte and knows at each place whether it can still become a whole one.
//
// Where the automaton has calls, what comes behind them is kept on stacks; those of all ways to read the text so far
// are kept side by side, with common parts stored once. A set of ways is a state of its own, numbered when it is first
// seen, and its moves are remembered, so a text that goes ways known before costs a look-up for each byte.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "constrain/automaton.h"

namespace foretell::constrain {

class Recognizer {
 public:
  using State = int32_t;
  static constexpr State dead = -1;

  explicit Recognizer(Automaton automaton);

  State start() const { return 0; }
  // dead where no text goes on like this. Throws Error where there are too many ways at once.
  State next(State state, uint8_t byte) {
    const State known = rows_[row_index(state, byte)];
    return known != unknown ? known : find_next(state, byte);
  }
  State next(State state, std::string_view bytes) {
    for (size_t i = 0; i < bytes.size() && state != dead; i++) state = next(state, static_cast<uint8_t>(bytes[i]));
    return state;
  }

  // The text may end here.
  bool accepts(State state) const { return infos_[index(state)].accepts; }
  // Nothing can follow.
  bool finished(State state) const { return infos_[index(state)].count == 0; }
  // The fewest bytes to the end of a text; Automaton::huge is "very many".
  uint32_t cost(State state) const { return infos_[index(state)].cost; }
  // The one byte that can follow; none where the text may end here or there are several.
  std::optional<uint8_t> only_byte(State state) const;
  // At least so many characters of a set may follow, whichever, and an end is never further than `cost` bytes then.
  struct Run {
    uint32_t set = 0;  // run_sets()[set]
    uint32_t characters = 0, cost = 0;
  };
  const Run& run(State state) {
    Info& info = infos_[index(state)];
    return info.knows_run ? info.run : find_run(info);
  }
  const std::vector<Automaton::RunSet>& run_sets() const { return automaton_.run_sets(); }
  // States of one kind are told apart by no text of up to `near` bytes; and if such a text adds c bytes to the least
  // cost of the ways to go on (ways_cost(), without an end here) after one of them, it does so after the others.
  static constexpr uint32_t near = 16;
  uint32_t kind(State state);
  uint32_t ways_cost(State state) const { return infos_[index(state)].ways_cost; }
  // One of the shortest ways to complete the text. Its size is cost(), which should not be huge.
  std::string shortest(State state) const;

  // What is remembered can be forgotten where it has become much; all states but start() are invalid then.
  size_t memory() const;
  void forget();

 private:
  static constexpr State unknown = -2;
  static constexpr uint32_t bottom = 0;  // the empty stack

  // A stack is its top and the stack below.
  struct Stack {
    uint32_t below = 0;
    uint32_t place = 0;  // the state to go on at, or the loop to come back to
    uint32_t count = 0;  // 0: a call; else the rounds begun, and one
    uint32_t cost = 0;   // the fewest bytes from the top's end to the end of the text
    uint32_t like = 0;   // a stack that no text of up to `near` bytes tells apart from this one
  };
  struct Way {  // a state and the stack under it
    uint32_t stack, state;
    auto operator<=>(const Way&) const = default;
  };
  struct Info {
    size_t first = 0;  // of its ways
    uint32_t count = 0;
    uint32_t cost = 0, ways_cost = 0;
    Run run = {};
    std::optional<uint32_t> kind = {};
    bool accepts = false, knows_run = false;
  };

  static size_t index(State state) { return static_cast<size_t>(state); }
  size_t row_index(State state, uint8_t byte) const {
    return index(state) * automaton_.byte_classes() + automaton_.byte_class(byte);
  }
  std::span<const Way> ways(const Info& info) const { return std::span(ways_).subspan(info.first, info.count); }
  std::span<const Way> ways(State state) const { return ways(infos_[index(state)]); }
  State find_next(State state, uint8_t byte);
  uint32_t push(uint32_t below, uint32_t place, uint32_t count);
  uint32_t like(uint32_t place, uint32_t count) const;
  void enter_loop(uint32_t loop, uint32_t rounds, uint32_t below);
  void enter_node(uint32_t loop, uint32_t node, uint32_t steps, uint32_t below);
  void leave(const Way& way);
  void add(uint32_t stack, uint32_t state);
  void clear_seen();
  State close();
  State number_of(std::vector<Way>& ways, bool accepts);
  const Run& find_run(Info& info) const;
  Run run_of(const Way& way) const;
  uint32_t cost(uint32_t state, const Stack& top) const;
  bool leads_on(uint32_t state, const Stack& top) const;
  const Automaton::Move& best_move(uint32_t state, const Stack& top) const;

  Automaton automaton_;
  std::vector<Stack> stacks_;
  std::unordered_map<uint64_t, std::vector<uint32_t>> known_stacks_;
  std::vector<Way> ways_;
  std::vector<Info> infos_;                                        // of the states
  std::vector<State> rows_;                                        // [states, byte classes]
  std::unordered_map<uint64_t, std::vector<State>> known_states_;  // by the hash of their ways
  using Kind = std::vector<std::pair<uint64_t, uint32_t>>;         // ways with what they cost more than the cheapest
  std::map<Kind, uint32_t> known_kinds_;

  // Work space of find_next().
  std::vector<Way> open_, found_;
  std::vector<uint64_t> seen_;  // a hash set
  size_t seen_count_ = 0;
  bool accepts_ = false;
};

}  // namespace foretell::constrain
