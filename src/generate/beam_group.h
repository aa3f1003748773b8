// Beams that are compared with each other, and the texts that have come out of them.
#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <vector>

#include "foretell/beam_search.h"

namespace foretell {

struct Beam {
  Sequence sequence;
  std::vector<TokenId> history;  // with the prompt
  double sum = 0;                // of the log-probabilities
};

struct BeamContinuation {
  size_t beam = 0;  // of the group
  TokenId id = 0;
  double sum = 0;  // with this token
};

struct BeamResult {
  std::vector<TokenId> ids;  // without the prompt and the end token
  double score = 0;
  FinishReason reason = FinishReason::Stop;
};

// What holds for every group of a search.
struct BeamRules {
  size_t width;   // beams that go on, and results that are kept
  size_t prompt;  // tokens
  int64_t limit;  // tokens that a text can have
  FinishReason at_limit;
  double length_penalty;
  EarlyStopping early_stopping;
  std::vector<TokenId> end_ids;
  std::function<bool(std::span<const TokenId> ids)> has_stop_text;

  // Continuations of a group that have to be looked at, so that as many as beams do not end.
  size_t considered() const { return std::max<size_t>(2, 1 + end_ids.size()) * width; }
};

// One list of results, as long as there are beams, and a search that ends when no beam can enter it: transformers since
// 4.50 (GenerationMixin._beam_search).
class BeamGroup {
 public:
  BeamGroup(const BeamRules& rules, Beam first) : rules_(rules) { beams_.push_back(std::move(first)); }

  std::span<Beam> beams() { return beams_; }  // best first; none when the search has ended
  std::span<const TokenId> taken() const {
    return taken_;
  }  // the last tokens of the beams, also where they ended there
  std::span<const BeamResult> results() const { return results_; }  // best first

  // The best continuations that end become results, and the best others are the beams that go on. They are in the
  // order of their beams and, of a beam, best first.
  void go_on(std::vector<BeamContinuation> continuations);
  void end_as_they_are(FinishReason reason);

 private:
  std::span<const TokenId> written(const Beam& beam) const { return std::span(beam.history).subspan(rules_.prompt); }
  std::vector<TokenId> ids_with(const BeamContinuation& continuation) const;
  bool has_ended(const BeamContinuation& continuation) const;
  bool is_end(TokenId id) const;
  bool may_improve(double best_sum) const;
  double score(double sum, int64_t length) const;
  void add_result(std::vector<TokenId> ids, double sum, FinishReason reason);
  void become(std::span<const BeamContinuation> next);

  const BeamRules& rules_;
  std::vector<Beam> beams_;
  std::vector<BeamResult> results_;
  std::vector<TokenId> taken_;
  int64_t generated_ = 0;  // tokens of each beam, with the one that is being chosen
};

}  // namespace foretell
