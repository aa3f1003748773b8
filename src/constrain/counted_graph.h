// Ways through a graph whose steps are counted: a string that has a pattern and a length. The automaton does not
// write the counts out; a table says what is left of each way.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "constrain/rules.h"

namespace foretell::constrain {

class CountedGraph {
 public:
  static constexpr uint32_t infinite = UINT32_MAX;

  struct Step {
    uint32_t from, to;
    uint32_t bytes;  // the fewest that it is written in
  };

  // A way goes from node 0 to a final one in min to max steps. What counts beyond min is not told apart where max is
  // unbounded; a larger max than the table has room for is made smaller.
  CountedGraph(uint32_t nodes, const std::vector<uint32_t>& finals, uint32_t min, uint32_t max);
  // Fills the table, without which no way goes on. All steps that can be written.
  void fill(const std::vector<Step>& steps);

  // So many steps, and one more.
  uint32_t next(uint32_t count) const { return count < last_ || bounded_ ? count + 1 : count; }
  bool ends(uint32_t node, uint32_t count) const { return is_final_[node] && count >= min_; }
  // The fewest bytes to the end of a way that goes on from here; infinite where none does.
  uint32_t going_on(uint32_t node, uint32_t count) const { return cost_[size_t{count} * nodes_ + node]; }
  // The same for any way, with 0 where it ends here.
  uint32_t cost(uint32_t node, uint32_t count) const { return ends(node, count) ? 0 : going_on(node, count); }

  // The steps from a node to itself that can follow one another after `count`, of up to `most`, where it has such
  // steps, and what any of the ways that go on behind them costs at least; unbounded where there is no end to them.
  struct Stay {
    uint32_t steps, cost;
  };
  Stay stay(uint32_t node, uint32_t count, uint32_t most) const;

  // A count from which all goes on as from this one for so many steps, but that ways may be cheaper or dearer by the
  // same number of bytes.
  uint32_t like(uint32_t count, uint32_t steps) const {
    return count + steps <= run_end_[count] ? run_first_[count] : count;
  }

 private:
  void fill_last(const std::vector<Step>& steps);
  std::optional<uint32_t> shift(uint32_t count) const;
  void find_runs();

  const uint32_t nodes_, min_;
  const bool bounded_;
  uint32_t last_;  // the largest count
  std::vector<bool> is_final_;
  std::vector<uint32_t> cost_;                 // [last + 1, nodes]: going_on()
  std::vector<uint32_t> run_first_, run_end_;  // [last + 1]: of the counts around each that are alike
};

}  // namespace foretell::constrain
