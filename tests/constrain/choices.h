// Numbers that are the same in each run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "foretell/sampling.h"

namespace foretell {

class Choices {
 public:
  explicit Choices(uint64_t seed) : seed_(seed) {}
  size_t below(size_t n) { return static_cast<size_t>(uniform_random(seed_, count_++, 0) * static_cast<double>(n)); }
  bool one_of(size_t n) { return below(n) == 0; }
  template <class T>
  const T& of(const std::vector<T>& items) {
    return items[below(items.size())];
  }

 private:
  uint64_t seed_, count_ = 0;
};

}  // namespace foretell
