#include "generate/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace foretell {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string_view StopMatcher::push(std::string_view text) {
  if (stops_.empty()) return text;
  if (found_) return {};
  held_ += text;
  size_t start = std::string::npos, end = std::string::npos;
  for (const std::string& stop : stops_) {
    const size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    if (at + stop.size() < end || (at + stop.size() == end && at < start)) start = at, end = at + stop.size();
  }
  if (start != std::string::npos) {
    found_ = true;
    certain_.assign(held_, 0, start);
    held_.clear();
    return certain_;
  }
  size_t hold = 0;  // the longest end of the text that begins a stop text
  for (const std::string& stop : stops_) {
    for (size_t length = std::min(stop.size() - 1, held_.size()); length > hold; length--) {
      if (std::string_view(stop).substr(0, length) == std::string_view(held_).substr(held_.size() - length))
        hold = length;
    }
  }
  certain_.assign(held_, 0, held_.size() - hold);
  held_.erase(0, certain_.size());
  return certain_;
}

std::string_view StopMatcher::finish() {
  certain_.swap(held_);
  held_.clear();
  return certain_;
}

}  // namespace foretell
