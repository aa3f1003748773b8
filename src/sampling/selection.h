// Finding the first few of many candidates without sorting them all.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "base/exact_math.h"
#include "foretell/sampling.h"

namespace foretell {

// The k-th largest logit, 1 <= k <= logits. `scratch` is kept by the caller so that nothing is allocated per token.
float kth_largest_logit(std::span<const float> logits, size_t k, std::vector<float>& scratch);

// A float that is at most x, and hardly less: a bound for Candidates::visit_at_least.
inline float float_below(double x) {
  return std::nextafter(static_cast<float>(x), -std::numeric_limits<float>::infinity());
}

// The ids of the best logits, best first, lower ids first among equals; all of them where `count` is larger.
std::vector<TokenId> most_probable(std::span<const float> logits, size_t count);

// Candidates with lower logits are less probable than this for certain. `total`: the sum of the weights.
inline float least_logit(double probability, double best, double total) {
  constexpr double margin = 1e-3;  // for roundings
  return float_below(best + exact_log(probability * total) - margin);
}

// Gives indices in the order of their keys, smallest first, equal keys by index; sorted in growing blocks, so that the
// cost is that of the part that is asked for.
class Ranking {
 public:
  void clear() { entries_.clear(), sorted_ = 0; }
  void add(double key, size_t index) { entries_.push_back({key, index}); }
  size_t size() const { return entries_.size(); }

  struct Entry {
    double key;
    size_t index;
  };
  // The entry of this rank (0: the smallest key).
  const Entry& at(size_t rank) {
    while (rank >= sorted_) sort_more();
    return entries_[rank];
  }

 private:
  void sort_more();
  std::vector<Entry> entries_;
  size_t sorted_ = 0;  // this many at the front are in their final places
};

// Finds the fewest entries with the smallest keys whose weights add up to a target. Keys are sorted into buckets first,
// so that only those near the border are compared with one another.
class Nucleus {
 public:
  // The last entry, by key and then by index, that is needed. Keys are at least 0; most are expected below 32.
  template <class Key>
  Ranking::Entry last_needed(std::span<const double> weights, double target, Key&& key) {
    clear(weights.size());
    for (size_t i = 0; i < weights.size(); i++) add(i, weights[i], key(i));
    return *find(weights, target, key, buckets);
  }

  // The same, looking first at the candidates whose key, best - logit, is small: mostly they are enough.
  Ranking::Entry last_needed_below(double best, std::span<const float> logits, std::span<const double> weights,
                                   double target) {
    constexpr double near = 8;
    const auto key = [&](size_t i) { return best - logits[i]; };
    clear(weights.size());
    Candidates::visit_at_least(logits, float_below(best - near), [&](size_t i) { add(i, weights[i], key(i)); });
    const auto last = find(weights, target, key, static_cast<size_t>(near * buckets_each));
    return last ? *last : last_needed(weights, target, key);
  }

 private:
  static constexpr uint32_t buckets = 1024;
  static constexpr double buckets_each = buckets / 32.0;  // for keys that differ by 1

  void clear(size_t most) {
    seen_.clear();
    seen_.reserve(most);
    sums_.assign(buckets, 0.0);
  }
  void add(size_t index, double weight, double key) {
    const double scaled = key * buckets_each;
    const uint32_t bucket = scaled < buckets ? static_cast<uint32_t>(scaled) : buckets - 1;
    seen_.push_back({index, bucket});
    sums_[bucket] += weight;
  }

  // None where the border does not lie in the first `complete` buckets, of which every entry was added.
  template <class Key>
  std::optional<Ranking::Entry> find(std::span<const double> weights, double target, Key&& key, size_t complete) {
    double reached = 0;
    size_t border = 0;
    while (border < buckets - 1 && reached + sums_[border] < target) reached += sums_[border++];
    if (border >= complete) return {};
    while (border > 0 && sums_[border] == 0)
      border--;  // roundings kept the sum below the target: the last one that counts
    ranking_.clear();
    for (const auto& [index, bucket] : seen_) {
      if (bucket == border) ranking_.add(key(index), index);
    }
    Ranking::Entry last{};
    for (size_t rank = 0; rank < ranking_.size(); rank++) {
      last = ranking_.at(rank);
      reached += weights[last.index];
      if (reached >= target) break;
    }
    return last;
  }

  struct Seen {
    size_t index;
    uint32_t bucket;
  };
  std::vector<Seen> seen_;
  std::vector<double> sums_;  // [buckets] of their entries' weights
  Ranking ranking_;
};

}  // namespace foretell
