// Finding the first few of many candidates without sorting them all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "foretell/sampling.h"

namespace foretell {

// The k-th largest logit, 1 <= k <= candidates. `scratch` is kept by the caller so that nothing is allocated per token.
float kth_largest_logit(std::span<const Candidate> candidates, size_t k, std::vector<float>& scratch);

// The ids of the best logits, best first, lower ids first among equals; all of them where `count` is larger.
std::vector<TokenId> most_probable(std::span<const float> logits, size_t count);

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
    bucket_of_.resize(weights.size());
    sums_.assign(buckets, 0.0);
    for (size_t i = 0; i < weights.size(); i++) {
      const double scaled = key(i) * (buckets / 32);
      bucket_of_[i] = scaled < buckets ? static_cast<uint16_t>(scaled) : buckets - 1;
      sums_[bucket_of_[i]] += weights[i];
    }
    double reached = 0;
    size_t border = 0;
    while (border < buckets - 1 && reached + sums_[border] < target) reached += sums_[border++];
    while (border > 0 && sums_[border] == 0)
      border--;  // roundings kept the sum below the target: the last one that counts
    ranking_.clear();
    for (size_t i = 0; i < weights.size(); i++) {
      if (bucket_of_[i] == border) ranking_.add(key(i), i);
    }
    Ranking::Entry last{};
    for (size_t rank = 0; rank < ranking_.size(); rank++) {
      last = ranking_.at(rank);
      reached += weights[last.index];
      if (reached >= target) break;
    }
    return last;
  }

 private:
  static constexpr uint16_t buckets = 1024;
  std::vector<uint16_t> bucket_of_;  // [entries]
  std::vector<double> sums_;         // [buckets] of their entries' weights
  Ranking ranking_;
};

}  // namespace foretell
