// Speculation: guesses at the next tokens are read together with the last one, in a step that takes little longer, and
// those that the samplers then choose themselves are kept (Leviathan, Kalman, Matias, "Fast inference from Transformers
// via speculative decoding", arXiv:2211.17192). Here a guess counts only where it is the very token that is drawn from
// the model's logits at its place, so the text is the same bit by bit as without.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "foretell/generate.h"
#include "generate/ngram_lookup.h"
#include "generate/speculation_costs.h"

namespace foretell {

// A smaller model that guesses: it draws with the same samplers and the same random numbers, so that where its
// distribution is like the large model's its tokens are, too.
class DraftModel {
 public:
  DraftModel(Predictor& predictor, const SamplingOptions& sampling, std::span<const TokenId> prompt);
  // Guesses at most guesses.size() tokens, below `vocabulary`; gives their number.
  size_t guess(std::span<const TokenId> history, size_t vocabulary, std::span<TokenId> guesses,
               const std::function<bool()>& interrupted);
  void judge(size_t guessed, size_t accepted);
  DraftPlan plan(const StepCosts& costs, size_t most);

 private:
  std::span<const float> catch_up(std::span<const TokenId> history, const std::function<bool()>& interrupted);

  Predictor& predictor_;
  SamplerChain chain_;
  const size_t prompt_length_;
  std::vector<TokenId> text_;  // the history and the guesses after it; the predictor has read a beginning of it
  size_t agreed_ = 0;          // tokens of text_ that are the history's for certain
  size_t vocabulary_ = 0;      // 0: not known before the first logits
  double seconds_ = 0;         // that a guess takes; 0: not known
  Acceptance acceptance_{0.7};
};

class Speculation {
 public:
  // Everything given must live as long. `sampling` has its seed.
  Speculation(Predictor& predictor, const GenerateOptions& options, const SamplingOptions& sampling,
              std::span<const TokenId> prompt);

  struct Ahead {
    std::span<const TokenId> guesses;
    std::span<const std::span<const float>> logits;  // after the last token and after each guess
  };
  // Reads the history's last token and guesses after it, `room` at most. Valid until the next call.
  Ahead read_on(std::span<const TokenId> history, size_t room);
  // So many of the guesses were the tokens that came.
  void judge(size_t accepted);

  int64_t drafted() const { return drafted_; }
  int64_t accepted() const { return accepted_; }

 private:
  size_t draft(std::span<const TokenId> history, size_t room);
  size_t without_end(std::span<const TokenId> guesses) const;

  Predictor& predictor_;
  const GenerateOptions& options_;
  const SamplingOptions& sampling_;
  std::optional<NgramLookup> lookup_;
  std::optional<DraftModel> model_;
  StepCosts costs_;
  std::array<TokenId, most_drafted + 1> step_{};
  std::array<std::span<const float>, most_drafted + 1> logits_{};
  size_t guessed_ = 0;          // in the last step
  bool model_guessed_ = false;  // it was the draft model
  int64_t plain_steps_ago_ = 0;
  int64_t drafted_ = 0, accepted_ = 0;
};

}  // namespace foretell
