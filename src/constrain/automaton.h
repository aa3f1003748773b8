// Rules as an automaton over bytes with calls, and what it costs to come to an end from each of its states.
//
// A state belongs to a part: the body of a rule, or of a counted repetition. A part is entered by a Call or a Loop,
// which remember what comes behind it (recognizer.h keeps the stack), and left at its end state. From each state that
// is kept a part's end can be reached, so a text that has not gone wrong can always be completed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "constrain/counted_graph.h"
#include "constrain/rules.h"

namespace foretell::constrain {

class Automaton {
 public:
  using State = uint32_t;

  struct Move {
    enum class Kind : uint8_t {
      Byte,  // reads a byte from first to last
      Skip,  // reads nothing
      Call,  // enters the part that starts at `target`, and goes on at `to` behind it
      Loop,  // enters loops()[target]
    };
    Kind kind = Kind::Skip;
    uint8_t first = 0, last = 0;
    State to = 0;
    uint32_t target = 0;
  };
  // The part that starts at `body`, min to max times, and then `exit`. In a counted graph each time is one step, and
  // goes on at another node.
  struct Loop {
    State body = 0, exit = 0;
    uint32_t min = 0, max = 0;
    std::optional<uint32_t> graph = {};  // counted_graphs()[graph]
  };
  struct Counted {
    CountedGraph ways;
    std::vector<State> nodes;  // where the steps from each node start
  };
  static constexpr uint32_t no_node = UINT32_MAX;
  // What may follow at a state where a repetition of characters begins or goes on: so many of a set, whichever, and an
  // end of the text comes no further away with them than from the state.
  struct Run {
    uint32_t set = 0;         // run_sets()[set]
    uint32_t most = 0;        // unbounded: any number
    bool is_counted = false;  // as many as the loop on top of the stack allows, which knows the way to an end, too
  };

  // `alphabet`: the characters that can be written at all. Throws Error where there are too many states, where a rule
  // begins with itself, and where no text fits.
  Automaton(const Rules& rules, const CodePointSet& alphabet);

  State start() const { return start_; }
  std::span<const Move> moves(State state) const {
    return std::span(moves_).subspan(first_move_[state], first_move_[state + 1] - first_move_[state]);
  }
  bool is_end(State state) const { return is_end_[state]; }
  const Run* run(State state) const { return run_of_[state] == 0 ? nullptr : &runs_[run_of_[state] - 1]; }
  struct RunSet {
    CodePointSet characters;  // plain ones
    uint32_t size = 0;        // of which there are many
  };
  const std::vector<RunSet>& run_sets() const { return run_sets_; }
  const std::vector<Loop>& loops() const { return loops_; }
  const Counted& counted_graph(const Loop& loop) const { return counted_[*loop.graph]; }
  // The node of a counted graph that the state is at, or that the step leads to inside of which it is; else no_node.
  uint32_t node(State state) const { return node_[state]; }

  // The fewest bytes from a state to the end of its part; never more than `huge`, which may be more.
  uint32_t cost(State state) const { return cost_[state]; }
  // The move that starts them. The state is not an end.
  const Move& best_move(State state) const { return moves_[best_move_[state]]; }
  static constexpr uint32_t huge = UINT32_MAX - 1;
  static uint32_t sum(uint64_t a, uint64_t b) { return static_cast<uint32_t>(std::min<uint64_t>(huge, a + b)); }

  // Bytes that the automaton does not tell apart have the same class.
  uint32_t byte_class(uint8_t byte) const { return byte_class_[byte]; }
  uint32_t byte_classes() const { return byte_classes_; }

 private:
  friend class AutomatonBuilder;
  void find_byte_classes();
  void find_costs();
  void settle_costs();
  void fill_counted_graphs();
  uint32_t least_cost(const Loop& loop) const;
  void remove_dead_moves();
  void check_left_recursion(const std::vector<std::pair<State, std::string>>& rule_starts) const;

  State start_ = 0;
  std::vector<uint32_t> first_move_;  // [states + 1]
  std::vector<Move> moves_;
  std::vector<bool> is_end_;
  std::vector<Run> runs_;
  std::vector<uint32_t> run_of_;  // of the states: a place in runs_, from 1 on; 0: none
  std::vector<RunSet> run_sets_;
  std::vector<Loop> loops_;
  std::vector<Counted> counted_;
  std::vector<uint32_t> node_;
  std::vector<uint32_t> cost_, best_move_;
  std::array<uint8_t, 256> byte_class_{};
  uint32_t byte_classes_ = 1;
};

// Characters that may stand in a JSON string as they are, and in the middle of a line; tokens made of them alone are
// most of a vocabulary.
const CodePointSet& plain_characters();

}  // namespace foretell::constrain
