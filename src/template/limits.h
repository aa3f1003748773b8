// What a template may cost, so that hostile ones end.
#pragma once

#include <algorithm>
#include <cstdint>

#include "template/failure.h"

namespace foretell::jinja {

class Budget {
 public:
  static constexpr int most_depth = 100;                     // of nested statements, expressions, calls and values
  static constexpr int64_t most_steps = 50'000'000;          // of some 20 ns: what is evaluated and made
  static constexpr int64_t most_output = int64_t{16} << 20;  // bytes of the result, and of any one text
  static constexpr int64_t most_range = 100'000;             // jinja2's sandbox.MAX_RANGE

  // Of work that takes time or memory in proportion.
  void spend(int64_t steps) {
    steps_ += steps;
    if (steps_ > most_steps) throw Failure("LimitError", "the template takes more than 50 million steps");
  }
  // Before a list of so many items is made.
  void make_items(int64_t items) { spend(std::min(items, most_steps) * 8); }
  // Before a text of so many bytes is made.
  void make_text(int64_t bytes) {
    if (bytes > most_output) throw Failure("LimitError", "the template makes a text of more than 16 MB");
    spend(bytes / 16 + 1);
  }

  // The one that is in use on this thread: comparisons have no other way to it.
  static inline thread_local Budget* current = nullptr;

  [[noreturn]] static void too_deep() { throw Failure("LimitError", "the template nests more than 100 levels deep"); }

  class Level {
   public:
    explicit Level(Budget& budget) : budget_(budget) {
      if (++budget_.depth_ > most_depth) {
        budget_.depth_--;
        too_deep();
      }
    }
    ~Level() { budget_.depth_--; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Budget& budget_;
  };

 private:
  int64_t steps_ = 0;
  int depth_ = 0;
};

}  // namespace foretell::jinja
