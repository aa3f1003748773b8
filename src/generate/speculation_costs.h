// Whether guessing ahead pays: how long steps of so many tokens take, and how often guesses come true. What is decided
// by these numbers changes the time that a text takes, never the text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace foretell {

constexpr size_t most_drafted = 15;  // tokens drafted for one step; with the one before them as many as
                                     // Model::step keeps the logits of

// Seconds that a step takes, by the tokens that it reads.
class StepCosts {
 public:
  void add(size_t tokens, double seconds);
  // Measured, or estimated from the nearest number of tokens that was; 0 before anything was.
  double of(size_t tokens) const;

 private:
  static double expected_ratio(size_t tokens) { return 1 + 0.1 * static_cast<double>(tokens - 1); }
  double seconds_[most_drafted + 2] = {};  // by tokens; 0: not measured
};

// How often guesses of one kind came true of late.
class Acceptance {
 public:
  explicit Acceptance(double expected) : expected_(expected), rate_(expected) {}
  void add(bool accepted) { rate_ += ((accepted ? 1.0 : 0.0) - rate_) / 16; }
  // Time goes by without a guess: what was learned fades, so that it is tried again.
  void fade() { rate_ += (expected_ - rate_) / 256; }
  double rate() const { return rate_; }

 private:
  double expected_, rate_;
};

// How many tokens to draft, and the tokens a second that are then to be expected.
struct DraftPlan {
  size_t tokens = 0;
  double speed = 0;
};

// The best of 0 to `most` drafted tokens, each of which costs `draft_seconds`; chance(i): how probable it is that
// drafted token i comes true if those before it do.
template <class Chance>
DraftPlan plan_draft(const StepCosts& costs, size_t most, double draft_seconds, Chance&& chance) {
  constexpr double worthwhile = 1.02;
  const double plain = costs.of(1);
  if (plain <= 0) return {};  // the first step is plain, so that the others can be compared with it
  DraftPlan best{0, worthwhile / plain};
  double expected = 1, reached = 1;
  for (size_t k = 1; k <= std::min(most, most_drafted); k++) {
    reached *= chance(k - 1);
    expected += reached;
    const double speed = expected / (costs.of(k + 1) + static_cast<double>(k) * draft_seconds);
    if (speed > best.speed) best = {k, speed};
  }
  return best;
}

}  // namespace foretell
