// Deterministic automata over characters: for what several conditions say together of one short text, as a JSON
// string's pattern, format and length. Counts are written out here, so they cannot be large.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "constrain/rules.h"

namespace foretell::constrain {

class Dfa {
 public:
  struct Edge {
    char32_t first, last;
    uint32_t to;
    bool operator==(const Edge&) const = default;
  };

  // Of an expression without rules and graphs. All of these throw Error where there would be too many states.
  static Dfa of(const Rules& rules, ExpressionId expression);
  // All texts of so many characters.
  static Dfa lengths(uint32_t min, uint32_t max);
  // All texts whose number of characters, divided by `divisor`, leaves `rest`.
  static Dfa lengths_modulo(uint32_t divisor, uint32_t rest);
  Dfa intersect(const Dfa& other) const;
  Dfa complement() const;

  bool empty() const;  // no text at all
  bool matches(std::string_view utf8) const;
  // Its texts of min to max characters.
  ExpressionId expression(Rules& rules, Encoding encoding, uint32_t min = 0, uint32_t max = unbounded) const;

 private:
  uint32_t add_state(bool accepts);

  // Edges are sorted; what they leave out leads nowhere. State 0 is where a text starts.
  std::vector<std::vector<Edge>> edges_;
  std::vector<bool> accepts_;
};

}  // namespace foretell::constrain
