// The members of a JSON object, in an order, with a least and a most of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include "constrain/json_form.h"
#include "constrain/rules.h"

namespace foretell::constrain {

class MemberGraph {
 public:
  // `listed`: members that have a place of their own; `max` is at least `min` and may be unbounded. Throws Error, which
  // names the source, where the counts are too large.
  MemberGraph(Rules& rules, const JsonForm& form, size_t listed, uint32_t min, uint32_t max, const std::string& source);

  void add_listed(size_t place, ExpressionId member, bool required);
  // Any others behind them. They might come twice under one name, which is one property, so that at most one of them
  // counts for the least.
  void add_others(ExpressionId member);
  // Others that do count: distinct(i) has no name in common with distinct(j), for all i and j below min.
  void add_distinct(const std::function<ExpressionId(uint32_t)>& distinct);

  ExpressionId expression() &&;

 private:
  // Before a place, with so many members so far.
  uint32_t node(size_t place, uint32_t count) const {
    return static_cast<uint32_t>(place * (size_t{counted_} + 1)) + count;
  }
  void add_edge(uint32_t from, uint32_t to, ExpressionId member, uint32_t count);
  void add_edges(size_t from, size_t to, ExpressionId member, uint32_t least);

  Rules& rules_;
  const JsonForm& form_;
  const size_t listed_;
  const uint32_t min_, max_;
  const uint32_t counted_;  // members are told apart up to this count
  Graph graph_;
};

}  // namespace foretell::constrain
