// JSON numbers inside of bounds and on a grid.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "constrain/rules.h"

namespace foretell::constrain {

// A number as it is written: digits of the whole part without leading zeros ("0" for none) and of the fraction without
// trailing ones.
struct Decimal {
  bool negative = false;
  std::string whole = "0", fraction = {};

  static Decimal of(const nlohmann::ordered_json& number);
  // Negative, zero or positive, as this is less than, equal to or greater than the other.
  int compare(const Decimal& other) const;
  bool is_zero() const { return whole == "0" && fraction.empty(); }
};

struct NumberBound {
  Decimal value;
  bool exclusive = false;
};

struct NumberForm {
  bool fractions = true;  // else whole numbers only
  std::optional<NumberBound> least, most;
  std::vector<Decimal> multiples_of = {};  // above 0; a number is a multiple of each
};

// At most 18 digits before and 17 behind the point or as many as the bounds have, and exponents of at most two digits
// where there are no bounds and no grid: every number is finite in a double and in 64 bits. Throws Error where a grid
// is too fine.
ExpressionId number_expression(Rules& rules, const NumberForm& form);

}  // namespace foretell::constrain
