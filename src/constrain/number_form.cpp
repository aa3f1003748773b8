#include "constrain/number_form.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>

#include "foretell/error.h"

namespace foretell::constrain {
namespace {

constexpr size_t usual_whole = 18, usual_fraction = 17;
constexpr uint64_t finest_grid = 100'000;
constexpr size_t most_states = 200'000;

int sign(int x) { return x < 0 ? -1 : x > 0 ? 1 : 0; }

enum class Phase : uint8_t { Start, Minus, Zero, Whole, Point, Fraction, E, ESign, EDigit, EDone };

// Where a number has been read to.
struct Place {
  Phase phase = Phase::Start;
  bool negative = false, nonzero = false;
  uint16_t digits = 0;               // of the whole part while it is read, then of the fraction
  int8_t to_least = 0, to_most = 0;  // how the digits so far compare with the bounds'
  uint32_t rest = 0;                 // of the digits so far, divided by the grid
  auto operator<=>(const Place&) const = default;
};

class NumberAutomaton {
 public:
  explicit NumberAutomaton(const NumberForm& form) : form_(form) {
    for (const auto* bound : {&form.least, &form.most}) {
      if (!*bound) continue;
      whole_ = std::max(whole_, (*bound)->value.whole.size());
      fraction_ = std::max(fraction_, (*bound)->value.fraction.size());
    }
    find_grid();
    if (!form.fractions) fraction_ = 0;
  }

  Graph graph(Rules& rules) {
    Graph graph;
    number_of({});
    for (uint32_t i = 0; i < places_.size(); i++) {
      std::map<uint32_t, CodePointSet> by_place;
      for (const char c : {'-', '.', 'e', 'E', '+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}) {
        if (const auto next = read(places_[i], c)) by_place[number_of(*next)].add(static_cast<char32_t>(c));
      }
      for (const auto& [to, set] : by_place) graph.edges.push_back({i, to, rules.characters(set)});
      if (accepts(places_[i])) graph.finals.push_back(i);
    }
    graph.nodes = static_cast<uint32_t>(places_.size());
    return graph;
  }

 private:
  uint32_t number_of(const Place& place) {
    const auto [known, added] = known_.try_emplace(place, static_cast<uint32_t>(places_.size()));
    if (added) places_.push_back(place);
    if (places_.size() > most_states)
      throw Error({.what = "multipleOf is too fine together with the bounds",
                   .expected = "at most " + std::to_string(most_states) + " states"});
    return known->second;
  }

  // The least common multiple of the grids, in units of 10^-grid_digits_.
  void find_grid() {
    for (const Decimal& d : form_.multiples_of) grid_digits_ = std::max(grid_digits_, d.fraction.size());
    for (const Decimal& d : form_.multiples_of) {
      std::string digits = d.whole + d.fraction;
      digits.append(grid_digits_ - d.fraction.size(), '0');
      uint64_t units = 0;
      const auto status = std::from_chars(digits.data(), digits.data() + digits.size(), units).ec;
      if (status == std::errc() && units <= finest_grid) grid_ = std::lcm(grid_, units);
      if (status != std::errc() || units > finest_grid || grid_ > finest_grid)
        throw Error({.what = "multipleOf is too fine or too large",
                     .expected = "at most " + std::to_string(finest_grid) + " times its last digit"});
    }
    for (; grid_ % 10 == 0 && grid_digits_ > 0; grid_digits_--) grid_ /= 10;
    if (!form_.fractions) {  // a whole number is a multiple of 0.75 where it is one of 3
      for (; grid_digits_ > 0; grid_digits_--) grid_ /= std::gcd(grid_, uint64_t{10});
    }
    if (!form_.multiples_of.empty()) fraction_ = grid_digits_;
  }

  bool bounded() const { return form_.least || form_.most || !form_.multiples_of.empty(); }

  std::optional<Place> read(Place place, char c) const {
    const bool digit = c >= '0' && c <= '9';
    switch (place.phase) {
      case Phase::Start:
        if (c == '-') {
          place.phase = Phase::Minus;
          place.negative = true;
          return place;
        }
        [[fallthrough]];
      case Phase::Minus:
        if (!digit || (c == '0' && place.negative && !form_.fractions)) return {};
        place.phase = c == '0' ? Phase::Zero : Phase::Whole;
        return whole_digit(place, c);
      case Phase::Whole:
        if (digit) return place.digits < whole_ ? std::optional(whole_digit(place, c)) : std::nullopt;
        [[fallthrough]];
      case Phase::Zero:
        if (c == '.' && fraction_ > 0) return point(place);
        return exponent(place, c);
      case Phase::Point:
      case Phase::Fraction:
        if (digit) return place.digits < fraction_ ? std::optional(fraction_digit(place, c)) : std::nullopt;
        return place.phase == Phase::Fraction ? exponent(place, c) : std::nullopt;
      case Phase::E:
        if (c == '+' || c == '-') {
          place.phase = Phase::ESign;
          return place;
        }
        [[fallthrough]];
      case Phase::ESign:
      case Phase::EDigit:
        if (!digit) return {};
        place.phase = place.phase == Phase::EDigit ? Phase::EDone : Phase::EDigit;
        return place;
      case Phase::EDone:
        return {};
    }
    return {};
  }

  std::optional<Place> exponent(Place place, char c) const {
    if ((c != 'e' && c != 'E') || !form_.fractions || bounded() || (place.negative && !place.nonzero)) return {};
    place = {.phase = Phase::E};
    return place;
  }

  // Which bound the digits are held against: only one of the same sign.
  const Decimal* bound(const std::optional<NumberBound>& b, bool negative) const {
    return b && b->value.negative == negative ? &b->value : nullptr;
  }

  Place whole_digit(Place place, char c) const {
    const auto compare = [&](int8_t& order, const Decimal* d) {
      if (d != nullptr && order == 0 && place.digits < d->whole.size())
        order = static_cast<int8_t>(sign(c - d->whole[place.digits]));
    };
    compare(place.to_least, bound(form_.least, place.negative));
    compare(place.to_most, bound(form_.most, place.negative));
    place.nonzero = place.nonzero || c != '0';
    place.digits++;
    add_to_rest(place, c);
    return place;
  }

  // The whole part has ended: a longer one is larger.
  void end_whole(Place& place) const {
    const auto compare = [&](int8_t& order, const Decimal* d) {
      if (d != nullptr && place.digits != d->whole.size()) order = place.digits < d->whole.size() ? -1 : 1;
    };
    compare(place.to_least, bound(form_.least, place.negative));
    compare(place.to_most, bound(form_.most, place.negative));
    place.digits = 0;
  }

  Place point(Place place) const {
    end_whole(place);
    place.phase = Phase::Point;
    return place;
  }

  Place fraction_digit(Place place, char c) const {
    const auto compare = [&](int8_t& order, const Decimal* d) {
      if (d != nullptr && order == 0)
        order = static_cast<int8_t>(sign(c - (place.digits < d->fraction.size() ? d->fraction[place.digits] : '0')));
    };
    compare(place.to_least, bound(form_.least, place.negative));
    compare(place.to_most, bound(form_.most, place.negative));
    place.nonzero = place.nonzero || c != '0';
    place.digits++;
    place.phase = Phase::Fraction;
    add_to_rest(place, c);
    return place;
  }

  void add_to_rest(Place& place, char c) const {
    place.rest = static_cast<uint32_t>((uint64_t{place.rest} * 10 + static_cast<uint64_t>(c - '0')) % grid_);
  }

  bool accepts(Place place) const {
    if (place.phase == Phase::EDigit || place.phase == Phase::EDone) return true;
    size_t fraction = place.digits;
    if (place.phase == Phase::Zero || place.phase == Phase::Whole) {
      end_whole(place);
      fraction = 0;
    } else if (place.phase != Phase::Fraction) {
      return false;
    }
    if (place.negative && !place.nonzero) return false;
    uint64_t rest = place.rest;
    for (size_t i = fraction; i < grid_digits_; i++) rest = rest * 10 % grid_;
    if (rest != 0) return false;
    return holds(place, fraction, form_.least, place.to_least, 1) &&
           holds(place, fraction, form_.most, place.to_most, -1);
  }

  // `side`: 1 where the number must be above the bound, -1 where below.
  static bool holds(const Place& place, size_t fraction, const std::optional<NumberBound>& b, int order, int side) {
    if (!b) return true;
    const Decimal& value = b->value;
    if (value.negative != place.negative) return (place.negative ? -1 : 1) == side;
    if (order == 0 && fraction < value.fraction.size()) order = -1;
    if (place.negative) order = -order;
    return order == 0 ? !b->exclusive : order == side;
  }

  const NumberForm& form_;
  size_t whole_ = usual_whole, fraction_ = usual_fraction, grid_digits_ = 0;
  uint64_t grid_ = 1;
  std::map<Place, uint32_t> known_;
  std::vector<Place> places_;
};

}  // namespace

Decimal Decimal::of(const nlohmann::ordered_json& number) {
  Decimal result;
  std::string text;
  int exponent = 0;
  if (number.is_number_float()) {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, number.get<double>(), std::chars_format::scientific);
    text.assign(buffer, end.ptr);
    const size_t e = text.find('e');
    exponent = std::stoi(text.substr(e + 1));
    text.resize(e);
  } else {
    text = number.dump();
  }
  if (text.starts_with('-')) {
    result.negative = true;
    text.erase(0, 1);
  }
  const size_t point = std::min(text.find('.'), text.size());
  std::string digits = text.substr(0, point) + (point < text.size() ? text.substr(point + 1) : "");
  auto whole = static_cast<int64_t>(point) + exponent;  // digits before the point
  if (whole < 0) digits.insert(0, static_cast<size_t>(-whole), '0'), whole = 0;
  if (whole > static_cast<int64_t>(digits.size())) digits.append(static_cast<size_t>(whole) - digits.size(), '0');
  result.whole = digits.substr(0, static_cast<size_t>(whole));
  result.fraction = digits.substr(static_cast<size_t>(whole));
  result.whole.erase(0, std::min(result.whole.find_first_not_of('0'), result.whole.size()));
  if (result.whole.empty()) result.whole = "0";
  result.fraction.erase(result.fraction.find_last_not_of('0') + 1);
  if (result.is_zero()) result.negative = false;
  return result;
}

int Decimal::compare(const Decimal& other) const {
  if (negative != other.negative) return negative ? -1 : 1;
  int order = whole.size() != other.whole.size() ? (whole.size() < other.whole.size() ? -1 : 1)
                                                 : sign(whole.compare(other.whole));
  if (order == 0) order = sign(fraction.compare(other.fraction));
  return negative ? -order : order;
}

ExpressionId number_expression(Rules& rules, const NumberForm& form) {
  return rules.graph(NumberAutomaton(form).graph(rules));
}

}  // namespace foretell::constrain
