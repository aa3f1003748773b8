#include "generate/scoring.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "sampling/selection.h"

namespace foretell {
namespace {

class TextScorer {
 public:
  TextScorer(Model& model, std::span<const TokenId> ids, const ScoringOptions& options)
      : model_(model), ids_(ids), options_(options), sequence_(model, options.window) {
    result_.logprobs.assign(ids.size(), std::numeric_limits<double>::quiet_NaN());
    result_.ranks.assign(ids.size(), 0);
  }

  ScoredText run() {
    const auto total = static_cast<int64_t>(ids_.size());
    const int64_t window = std::min(sequence_.capacity(), std::max<int64_t>(total, 1));
    const int64_t stride = options_.stride > 0 ? std::min(options_.stride, window) : std::max<int64_t>(window / 2, 1);
    for (int64_t begin = 0, scored = 0; scored < total; begin += stride) {
      const int64_t end = std::min(begin + window, total);
      read(begin, std::max(scored, begin + 1), end);
      if (stopped()) break;
      scored = end;
    }
    std::sort(result_.surprises.begin(), result_.surprises.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    return std::move(result_);
  }

 private:
  bool stopped() const { return options_.interrupted && options_.interrupted(); }

  // A window [begin, end) whose tokens from `first` on are scored.
  void read(int64_t begin, int64_t first, int64_t end) {
    result_.windows++;
    if (first >= end) return;
    sequence_.truncate(0);
    const auto part = [&](int64_t from, int64_t to) {
      return ids_.subspan(static_cast<size_t>(from), static_cast<size_t>(to - from));
    };
    const auto stop = [&] {
      if (options_.progress) options_.progress(static_cast<size_t>(begin + sequence_.length()), ids_.size());
      return stopped();
    };
    const Span before{&sequence_, part(begin, first - 1), Span::Logits::None};
    model_.step({&before, 1}, {}, stop);
    if (stopped()) return;
    const Span after{&sequence_, part(first - 1, end - 1), Span::Logits::All};
    model_.step(
        {&after, 1},
        [&](size_t, size_t token, std::span<const float> logits) { add(static_cast<size_t>(first) + token, logits); },
        stop);
  }

  void add(size_t index, std::span<const float> logits) {
    const TokenId id = ids_[index];
    const float own = logits[static_cast<size_t>(id)];
    const double total = log_sum_exp(logits), logprob = own - total;
    int64_t better = 0;
    for (const float logit : logits) better += logit > own ? 1 : 0;
    result_.logprobs[index] = logprob;
    result_.ranks[index] = better + 1;
    result_.total += logprob;
    result_.scored++;
    if (options_.surprises > 0 && better > 0) keep(index, logits, total);
  }

  // Keeps it where it is among the least expected so far: a heap with the most expected of these on top.
  void keep(size_t index, std::span<const float> logits, double total) {
    auto& heap = result_.surprises;
    const auto less_expected = [&](const auto& a, const auto& b) {
      return result_.logprobs[a.index] < result_.logprobs[b.index];
    };
    if (heap.size() == options_.surprises) {
      if (!(result_.logprobs[index] < result_.logprobs[heap.front().index])) return;
      std::pop_heap(heap.begin(), heap.end(), less_expected);
      heap.pop_back();
    }
    ScoredText::Surprise surprise{index, {}};
    for (const TokenId id : most_probable(logits, options_.alternatives)) {
      const double logprob = logits[static_cast<size_t>(id)] - total;
      if (logprob > result_.logprobs[index]) surprise.top.push_back({id, logprob});
    }
    heap.push_back(std::move(surprise));
    std::push_heap(heap.begin(), heap.end(), less_expected);
  }

  Model& model_;
  std::span<const TokenId> ids_;
  const ScoringOptions& options_;
  Sequence sequence_;  // a window
  ScoredText result_;
};

}  // namespace

ScoredText score_text(Model& model, std::span<const TokenId> ids, const ScoringOptions& options) {
  return TextScorer(model, ids, options).run();
}

double EndingScorer::logprob(std::span<const TokenId> beginning, std::span<const TokenId> ending) {
  std::vector<TokenId> ids(beginning.begin(), beginning.end());
  ids.insert(ids.end(), ending.begin(), ending.end());
  size_t first = beginning.size();  // of the ending
  const auto most = static_cast<size_t>(sequence_.capacity());
  if (ids.size() > most) {
    const size_t cut = ids.size() - most;
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(cut));
    first = std::max<size_t>(first - std::min(first, cut), 1);
  }
  // The last token before the ending is read now in any case: its logits are wanted.
  const auto common = std::mismatch(ids.begin(), ids.end(), read_.begin(), read_.end()).first - ids.begin();
  const size_t known = std::min(static_cast<size_t>(common), first - 1);
  sequence_.truncate(static_cast<int64_t>(known));
  const std::span all(ids);
  const Span before{&sequence_, all.subspan(known, first - 1 - known), Span::Logits::None};
  model_.step({&before, 1}, {});
  double total = 0;
  const Span after{&sequence_, all.subspan(first - 1, ids.size() - first), Span::Logits::All};
  model_.step({&after, 1}, [&](size_t, size_t token, std::span<const float> logits) {
    total += logits[static_cast<size_t>(ids[first + token])] - log_sum_exp(logits);
  });
  read_.assign(ids.begin(), ids.begin() + sequence_.length());
  return total;
}

}  // namespace foretell
