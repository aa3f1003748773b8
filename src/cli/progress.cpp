#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "cli/terminal.h"

namespace foretell::cli {
namespace {

void to_terminal(const std::string& text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Progress::Progress(std::string what, bool shown, int width) : what_(std::move(what)), shown_(shown), width_(width) {}

Progress::~Progress() { clear(); }

void Progress::update(size_t done, size_t total) {
  done < total ? update(static_cast<double>(done) / static_cast<double>(total)) : clear();
}

void Progress::update(double part) {
  constexpr std::chrono::milliseconds patience(300), frame(50);
  const auto now = Clock::now();
  if (!shown_ || now - begin_ < patience || now - drawn_ < frame) return;
  drawn_ = now;
  visible_ = true;
  const int percent = static_cast<int>(std::floor(std::clamp(part, 0.0, 1.0) * 100));
  std::string line = what_ + " " + std::string(percent < 10 ? 2 : percent < 100 ? 1 : 0, ' ') + std::to_string(percent);
  line += "% ";
  const int room = std::min(width_ - display_width(line) - 1, 40);
  if (room >= 8) line += bar(part, room);
  to_terminal("\r\033[K" + line);
}

void Progress::clear() {
  if (visible_) to_terminal("\r\033[K");
  visible_ = false;
}

}  // namespace foretell::cli
