#include "constrain/code_points.h"

#include <algorithm>

namespace foretell::constrain {
namespace {

constexpr CodePointRange surrogates{0xd800, 0xdfff};

}  // namespace

void CodePointSet::add(char32_t first, char32_t last) {
  last = std::min<char32_t>(last, 0x10ffff);
  const auto add_part = [this](char32_t from, char32_t to) {
    if (from > to) return;
    if (!ranges_.empty() && ranges_.back().last + 1 == from) {
      ranges_.back().last = to;
      return;
    }
    sorted_ = sorted_ && (ranges_.empty() || (ranges_.back().last < from && ranges_.back().last + 1 < from));
    ranges_.push_back({from, to});
  };
  if (first < surrogates.first) add_part(first, std::min<char32_t>(last, surrogates.first - 1));
  if (last > surrogates.last) add_part(std::max<char32_t>(first, surrogates.last + 1), last);
}

void CodePointSet::add(const CodePointSet& other) {
  for (const CodePointRange& r : std::vector(other.ranges())) add(r.first, r.last);
}

const std::vector<CodePointRange>& CodePointSet::ranges() const {
  if (sorted_) return ranges_;
  std::sort(ranges_.begin(), ranges_.end(),
            [](const CodePointRange& a, const CodePointRange& b) { return a.first < b.first; });
  size_t kept = 0;
  for (const CodePointRange& r : ranges_) {
    if (kept > 0 && r.first <= ranges_[kept - 1].last + 1)
      ranges_[kept - 1].last = std::max(ranges_[kept - 1].last, r.last);
    else
      ranges_[kept++] = r;
  }
  ranges_.resize(kept);
  sorted_ = true;
  return ranges_;
}

CodePointSet CodePointSet::complement() const {
  CodePointSet result;
  char32_t next = 0;
  for (const CodePointRange& r : ranges()) {
    if (r.first > next) result.add(next, r.first - 1);
    next = r.last + 1;
  }
  if (next <= 0x10ffff) result.add(next, 0x10ffff);
  return result;
}

CodePointSet CodePointSet::intersect(const CodePointSet& other) const {
  CodePointSet result;
  const auto &a = ranges(), &b = other.ranges();
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const char32_t first = std::max(a[i].first, b[j].first), last = std::min(a[i].last, b[j].last);
    if (first <= last) result.add(first, last);
    a[i].last < b[j].last ? i++ : j++;
  }
  return result;
}

bool CodePointSet::contains(char32_t c) const {
  const auto& sorted = ranges();
  const auto after = std::upper_bound(sorted.begin(), sorted.end(), c,
                                      [](char32_t value, const CodePointRange& r) { return value < r.first; });
  return after != sorted.begin() && std::prev(after)->last >= c;
}

}  // namespace foretell::constrain
