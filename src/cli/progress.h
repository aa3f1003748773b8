// A line on the terminal that says how far long work is.
#pragma once

#include <string>

#include "base/clock.h"

namespace foretell::cli {

// Shows nothing for the first 0.3 seconds, and nothing at all where standard error is no terminal; its line is gone
// when the object is. One thread at a time.
class Progress {
 public:
  // `shown`: false where the person asked for quiet or the stream is no terminal.
  Progress(std::string what, bool shown, int width);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(double part);                // 0 to 1
  void update(size_t done, size_t total);  // and clear() when all is done
  void clear();                            // until the next update

 private:
  std::string what_;
  bool shown_;
  int width_;
  Clock::time_point begin_ = Clock::now(), drawn_ = {};
  bool visible_ = false;
};

}  // namespace foretell::cli
