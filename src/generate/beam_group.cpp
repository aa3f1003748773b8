#include "generate/beam_group.h"

#include <algorithm>

#include "base/exact_math.h"

namespace foretell {
namespace {

// length ^ penalty; exact for the usual penalties.
double length_factor(int64_t length, double penalty) {
  const auto tokens = static_cast<double>(length);
  if (penalty == 0) return 1;
  if (penalty == 1) return tokens;
  return exact_exp(penalty * exact_log(tokens));
}

}  // namespace

void BeamGroup::go_on(std::vector<BeamContinuation> all) {
  // Among equals the better beam and then the better token, so that the order is the same everywhere.
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.sum > b.sum; });
  all.resize(std::min(all.size(), rules_.considered()));
  generated_++;
  std::vector<BeamContinuation> next;
  for (size_t rank = 0; rank < all.size(); rank++) {
    const bool ends = has_ended(all[rank]);
    if (!ends && next.size() < rules_.width) next.push_back(all[rank]);
    if (rank >= rules_.width) continue;
    if (ends) add_result(ids_with(all[rank]), all[rank].sum, FinishReason::Stop);
    if (!ends && generated_ >= rules_.limit) add_result(ids_with(all[rank]), all[rank].sum, rules_.at_limit);
  }
  taken_.clear();
  for (const BeamContinuation& continuation : next) taken_.push_back(continuation.id);
  const bool over = generated_ >= rules_.limit || next.empty() || !may_improve(next.front().sum);
  become(over ? std::span<const BeamContinuation>() : next);
}

void BeamGroup::end_as_they_are(FinishReason reason) {
  for (const Beam& beam : beams_) {
    const auto ids = written(beam);
    add_result({ids.begin(), ids.end()}, beam.sum, reason);
  }
  beams_.clear();
}

std::vector<TokenId> BeamGroup::ids_with(const BeamContinuation& continuation) const {
  const auto before = written(beams_[continuation.beam]);
  std::vector<TokenId> ids(before.begin(), before.end());
  if (!is_end(continuation.id)) ids.push_back(continuation.id);
  return ids;
}

bool BeamGroup::is_end(TokenId id) const {
  return std::find(rules_.end_ids.begin(), rules_.end_ids.end(), id) != rules_.end_ids.end();
}

bool BeamGroup::has_ended(const BeamContinuation& continuation) const {
  return is_end(continuation.id) || (rules_.has_stop_text && rules_.has_stop_text(ids_with(continuation)));
}

bool BeamGroup::may_improve(double best_sum) const {
  if (results_.size() < rules_.width) return true;
  if (rules_.early_stopping == EarlyStopping::Yes) return false;
  const bool longest = rules_.early_stopping == EarlyStopping::Never && rules_.length_penalty > 0;
  return score(best_sum, longest ? rules_.limit : generated_) > results_.back().score;
}

double BeamGroup::score(double sum, int64_t length) const { return sum / length_factor(length, rules_.length_penalty); }

// Sorted, earlier ones first among equals, and no more than there are beams.
void BeamGroup::add_result(std::vector<TokenId> ids, double sum, FinishReason reason) {
  const double own = generated_ > 0 ? score(sum, generated_) : 0;
  const auto place = std::upper_bound(results_.begin(), results_.end(), own,
                                      [](double value, const BeamResult& other) { return value > other.score; });
  results_.insert(place, {std::move(ids), own, reason});
  if (results_.size() > rules_.width) results_.pop_back();
}

// What was read of a beam is copied for all of its continuations but the last, which takes it over.
void BeamGroup::become(std::span<const BeamContinuation> next) {
  std::vector<size_t> uses(beams_.size());
  for (const BeamContinuation& continuation : next) uses[continuation.beam]++;
  std::vector<Beam> beams;
  beams.reserve(next.size());
  for (const BeamContinuation& continuation : next) {
    Beam& from = beams_[continuation.beam];
    const bool last = --uses[continuation.beam] == 0;
    Sequence sequence = last ? std::move(from.sequence) : from.sequence.fork(from.sequence.length());
    beams.push_back({std::move(sequence), from.history, continuation.sum});
    beams.back().history.push_back(continuation.id);
  }
  beams_ = std::move(beams);
}

}  // namespace foretell
