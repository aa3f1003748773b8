// From expressions over characters to states and moves over bytes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "constrain/automaton.h"

namespace foretell::constrain {

class AutomatonBuilder {
 public:
  AutomatonBuilder(Automaton& automaton, const Rules& rules, const CodePointSet& alphabet)
      : automaton_(automaton), rules_(rules), alphabet_(alphabet), plain_(plain_characters().intersect(alphabet)) {}

  void build();
  // Where each rule that is used starts, with its name.
  std::vector<std::pair<Automaton::State, std::string>> rule_starts() const;

 private:
  using State = Automaton::State;
  using Values = std::vector<std::pair<uint32_t, uint32_t>>;  // ranges of the bits that are still to be written

  State new_state();
  void add(State from, Automaton::Move move);
  void skip(State from, State to) { add(from, {.kind = Automaton::Move::Kind::Skip, .to = to}); }
  State add_end();

  void build(ExpressionId id, State from, State to);
  void build_sequence(const Expression& e, State from, State to);
  void build_repeat(const Expression& e, State from, State to);
  void build_star(ExpressionId part, State from, State to);
  void build_loop(const Expression& e, State from, State to);
  void build_rule(RuleId id, State from, State to);
  void build_graph(const Graph& graph, State from, State to);
  void build_counted_graph(const Graph& graph, State from, State to);
  void build_literal(std::string_view text, State from, State to);
  void build_characters(const Expression& e, State from, State to);
  void build_escapes(const CodePointSet& set, State from, State to);
  void build_utf8(const CodePointSet& set, State from, State to);
  void build_beyond_ascii(const CodePointSet& set, State from, State to);
  void build_continuations(const Values& values, int bytes, State from, State to);

  uint64_t size_of(ExpressionId id);
  bool is_small_rule(RuleId id);
  bool calls(ExpressionId id);
  CodePointSet run_characters(ExpressionId id);
  void mark_run(State state, const CodePointSet& set, Automaton::Run run);

  Automaton& automaton_;
  const Rules& rules_;
  const CodePointSet& alphabet_;
  const CodePointSet plain_;
  std::vector<std::pair<State, Automaton::Move>> moves_;
  std::vector<std::optional<State>> starts_;          // of the rules
  std::vector<RuleId> waiting_;                       // rules that are called and not built yet
  std::vector<uint64_t> sizes_;                       // of the expressions; 0: not known yet
  std::vector<uint8_t> small_;                        // of the rules: 0 not known, 1 yes, 2 no
  std::map<std::pair<int, Values>, State> suffixes_;  // states before the same continuation bytes
  struct Built {                                      // the moves and the states of a way that was built
    State from = 0, to = 0, first_state = 0, end_state = 0;
    size_t first_move = 0, end_move = 0;
  };
  void copy(const Built& built, State from, State to);
  std::map<std::vector<CodePointRange>, Built> beyond_ascii_;  // the same characters are often read
};

}  // namespace foretell::constrain
