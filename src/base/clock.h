// The clock that waiting and working are measured with.
#pragma once

#include <chrono>

namespace foretell {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace foretell
