// From logits to the next token: samplers that thin out or reweigh the candidates one after the other, and the draw.
//
//   foretell::SamplingOptions options;
//   options.temperature = 0.7;
//   options.top_p = 0.9;
//   options.seed = 42;
//   foretell::SamplerChain chain(options);
//   foretell::TokenId next = chain.sample(logits, history, prompt_length).id;
//
// The same logits, history, options and seed give the same token on every machine: probabilities are computed in double
// with one order for each sum, and the random numbers are this library's own. They depend on the seed and the position
// in the text only, so a text that is continued later goes on as if it had never stopped (but for Mirostat, which
// remembers).
//
// Threads: a chain is used by one thread at a time. After its first token it allocates nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "foretell/error.h"
#include "foretell/token_id.h"

namespace foretell {

// Added to the logit of the last token wherever the text ends with those before it; -infinity forbids it.
struct LogitBias {
  std::vector<TokenId> tokens;  // at least one
  double bias = 0;
};

// A token that comes first.
struct ForcedToken {
  enum class After { AnyPrompt, OneToken };  // OneToken: only where the prompt is one token, as transformers does
  TokenId id = 0;
  After after = After::AnyPrompt;
  bool follows(size_t prompt_length) const { return after == After::AnyPrompt || prompt_length == 1; }
};

// What the samplers do; each default leaves its sampler out. The comments of src/sampling/*.cpp cite the sources.
struct SamplingOptions {
  double temperature = 1;        // logits are divided by it; 0: the most probable token (greedy)
  double dynatemp_range = 0;     // the temperature moves with the entropy, by so much up and down; 0: it stays
  double dynatemp_exponent = 1;  // how it moves
  int64_t top_k = 0;             // keep the k most probable; 0: all
  double top_p = 1;              // keep the most probable that together reach this probability; 1: all
  double min_p = 0;              // keep those at least this part as probable as the best; 0: all
  double typical_p = 1;        // keep those with the most typical surprise that together reach this probability; 1: all
  double top_n_sigma = 0;      // keep those whose logit is at most n standard deviations below the best; 0: all
  double epsilon_cutoff = 0;   // keep those at least this probable; 0: all
  double eta_cutoff = 0;       // the same, but less where the distribution is flat; 0: all
  double top_h = 0;            // keep the most probable whose entropy together is this part of all of it; 0: all
  double xtc_probability = 0;  // how often the most probable ones are removed; 0: never
  double xtc_threshold = 0.1;  // those that are: from this probability on, but for the least probable of them
  int64_t mirostat = 0;        // 1 or 2: keep the surprise near a target, instead of the cuts above; 0: off
  double mirostat_tau = 5;     // the target, in bits
  double mirostat_eta = 0.1;   // how fast the cut follows
  double adaptive_target = -1;    // the probability that drawn tokens should have on average; below 0: off
  double adaptive_decay = 0.9;    // how long that average remembers
  double repetition_penalty = 1;  // divides positive and multiplies negative logits of tokens in the window; 1: none
  double presence_penalty = 0;    // taken off the logits of tokens in the window; 0: none
  double frequency_penalty = 0;   // the same, for each time that they are there; 0: none
  int64_t penalty_last_n = -1;    // these penalties' window: the last n tokens of prompt and answer; -1: all of them
  int64_t no_repeat_ngram = 0;    // no run of n tokens comes twice; 0: any may
  double encoder_repetition_penalty = 1;  // multiplies positive and divides negative logits of the prompt's tokens
  int64_t encoder_no_repeat_ngram = 0;    // no run of n tokens of the prompt comes again; 0: any may
  double dry_multiplier = 0;  // taken off, times base^(run - allowed length), of what would repeat a run; 0: nothing
  double dry_base = 1.75;
  int64_t dry_allowed_length = 2;          // shorter runs may be repeated
  int64_t dry_penalty_last_n = -1;         // the window in which runs are looked for; -1: the whole text
  std::vector<TokenId> dry_breakers = {};  // runs end at these (tokens_containing finds them)

  std::vector<LogitBias> logit_bias = {};
  std::vector<TokenId> suppress = {};            // never come next
  std::vector<TokenId> begin_suppress = {};      // do not come first
  std::vector<TokenId> end_ids = {};             // do not come next before there are
  int64_t min_tokens = 0;                        // this many generated tokens
  int64_t min_length = 0;                        // and so many with the prompt
  double length_decay_factor = 1;                // end tokens gain |logit| (factor^n - 1), n tokens
  int64_t length_decay_start = 0;                // beyond so many generated ones; factor 1: off
  std::optional<ForcedToken> forced_first = {};  // the first generated token
  std::vector<TokenId> forced_last = {};         // one of these is the last of
  int64_t max_tokens = -1;                       // so many; -1: no limit is known

  double watermark_bias = 0;      // added to the logits of the green tokens; 0: no watermark
  double watermark_ratio = 0.25;  // the part of the vocabulary that is green
  int64_t watermark_key = 15485863;
  int64_t watermark_context = 1;    // how many tokens of the text choose which are green
  int64_t watermark_self_hash = 0;  // 1: the token itself is one of them

  double guidance_scale = 1;  // how far from a negative prompt's prediction; the samplers do not look at it

  std::vector<std::string> order =
      {};  // the samplers' names in the order in which they run; empty: default_sampler_order()
  std::optional<uint64_t> seed = {};  // absent: a random one (SamplerChain::seed tells which)
};

// A token that may come next. Removed tokens are not in the list; the logit is as the samplers so far have left it.
struct Candidate {
  TokenId id = 0;
  float logit = 0;
};

// The tokens that may still come next, always in the order of their ids and never empty.
class Candidates {
 public:
  // Every token whose logit is not -infinity. Throws Error on NaN, on +infinity, and where no logit is finite.
  // `allowed`: a bit for each id, 64 in a word, the lowest first (constrain.h makes them); only those whose bit is set.
  void assign(std::span<const float> logits, std::span<const uint64_t> allowed = {});

  size_t size() const { return size_; }
  size_t vocabulary_size() const { return vocabulary_size_; }
  TokenId id(size_t index) const { return all_ ? static_cast<TokenId>(index) : ids_[index]; }
  std::span<const float> logits() const { return {logits_.data(), size_}; }
  std::span<float> logits() { return {logits_.data(), size_}; }  // may be changed; NaN must not come out
  Candidate operator[](size_t index) const { return {id(index), logits_[index]}; }
  std::vector<Candidate> items() const;  // a copy of them
  // The place of a token; none where it is not among the candidates (any more).
  std::optional<size_t> find(TokenId id) const;
  float best_logit() const;

  // Keeps the candidates for which `keep(index)` is true. Where it is true for none, those with the best logit stay: at
  // least one candidate survives every sampler.
  template <class Keep>
  void keep_if(Keep&& keep);
  // The same, where `keep` is false for all logits below `bound`: quick where that leaves few.
  template <class Keep>
  void keep_if_at_least(float bound, Keep&& keep);
  // Calls visit(index) for each logit that is at least `bound`, in order; quick where they are few.
  template <class Visit>
  static void visit_at_least(std::span<const float> logits, float bound, Visit&& visit);

  // exp(logit - best logit) of each candidate, in their order, and the sum. Valid until the next call.
  struct Weights {
    std::span<const double> values;
    double total = 0;
    double probability(size_t index) const { return values[index] / total; }
  };
  Weights weights();

 private:
  static constexpr size_t block = 64;
  void assign_allowed(std::span<const float> logits, std::span<const uint64_t> allowed);
  void name_all();
  void keep_best();
  static float largest(std::span<const float> logits);

  // The first size_ of each.
  std::vector<float> logits_;
  std::vector<TokenId> ids_;  // not filled in while all tokens are there
  bool all_ = true;
  std::vector<double> weights_;
  size_t size_ = 0;
  size_t vocabulary_size_ = 0;
};

// Random numbers that depend on nothing but a seed and a place in the text: number `index` for the token at `position`.
// Uniform in [0, 1), multiples of 2^-53.
double uniform_random(uint64_t seed, uint64_t position, uint32_t index);

// A seed that nobody chose, below 2^32 so that every JSON reader keeps it.
uint64_t random_seed();

// What a sampler may look at beside the candidates.
struct SamplingState {
  std::span<const TokenId> history;  // the prompt and what was generated so far
  size_t prompt_length = 0;          // the prompt's part of it
  uint64_t seed = 0;

  size_t generated() const { return history.size() - prompt_length; }
};

// A chosen token, and how it was chosen: probabilities are those after all samplers.
struct Draw {
  TokenId id = 0;
  double probability = 0;
  double random = 0;  // the number drawn, in [0, 1); the candidates share out this interval in the order of their ids
  double from = 0, to = 0;  // the chosen one's part of it
};

// A candidate's part of the interval from 0 to 1 in which a draw falls.
struct DrawShare {
  TokenId id = 0;
  double from = 0, to = 0;
};

// One way to change the list of candidates.
class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual std::string_view name() const = 0;  // the flag's name: "top-k"
  virtual void apply(Candidates& candidates, const SamplingState& state) = 0;
  virtual void accept(const Draw&) {}  // what was drawn in the end
};

class SamplerChain {
 public:
  // Throws Error, with the option's name as `where`, for a value out of its range and for a name in `order` that is
  // unknown or there twice. Samplers whose options leave them off are not in the chain.
  explicit SamplerChain(const SamplingOptions& options);
  SamplerChain(SamplerChain&&) noexcept = default;
  SamplerChain& operator=(SamplerChain&&) noexcept = default;

  // Runs all samplers on the logits [vocabulary_size]. `history`: the prompt and what was generated so far. The
  // observer sees the candidates before the first sampler (stage "logits") and after each. `allowed`: see
  // Candidates::assign. Valid until the next call.
  using Observer = std::function<void(std::string_view stage, const Candidates& candidates)>;
  Candidates& apply(std::span<const float> logits, std::span<const TokenId> history, size_t prompt_length,
                    const Observer& observer = {}, std::span<const uint64_t> allowed = {});
  // Chooses one of the candidates that the last apply() left, and tells the samplers.
  Draw draw();
  // Both. Throws Error where the logits are not numbers (Candidates::assign).
  Draw sample(std::span<const float> logits, std::span<const TokenId> history, size_t prompt_length,
              std::span<const uint64_t> allowed = {});

  std::span<const std::unique_ptr<Sampler>> samplers() const { return samplers_; }
  uint64_t seed() const { return seed_; }

 private:
  std::vector<std::unique_ptr<Sampler>> samplers_;
  Candidates candidates_;
  uint64_t seed_ = 0;
  uint64_t position_ = 0;
};

// The names of all samplers in the order in which they run if nothing else is asked for.
std::vector<std::string> default_sampler_order();

// log(sum of exp(logits)), in double. -infinities count as nothing. A token's log-probability is its logit minus this.
double log_sum_exp(std::span<const float> logits);

// One of the tokens that may come next, as the model sees it and after all samplers.
struct PredictedToken {
  TokenId id = 0;
  float logit = 0;
  double logprob = 0, probability = 0;  // the model's own: temperature 1, no sampler
  double final_probability = 0;
  int cut_by = -1;  // the stage that removed it; -1: none did, or its logit is -infinity
};

struct Prediction {
  std::vector<PredictedToken> tokens;  // the most probable first, lower ids first among equals
  double entropy_bits = 0;             // of the model's own distribution
  size_t candidates = 0;               // tokens whose logit is not -infinity
  struct Stage {
    std::string name;
    size_t kept = 0;  // candidates after it
  };
  std::vector<Stage> stages;      // the samplers in the order in which they ran
  std::optional<Draw> draw;       // where the options have a seed
  std::vector<DrawShare> shares;  // there, too: those of at least 1/256, in the order of their ids
};

// What may come next: the `top` most probable tokens of the model's own distribution. Errors as SamplerChain's.
Prediction predict(std::span<const float> logits, std::span<const TokenId> history, const SamplingOptions& options,
                   size_t top);

template <class Keep>
void Candidates::keep_if(Keep&& keep) {
  size_t kept = 0;
  while (kept < size_ && keep(kept)) kept++;
  if (kept == size_) return;
  name_all();
  // Nothing is overwritten before the first one that is kept, so that the best ones are still there where none is.
  for (size_t i = kept + 1; i < size_; i++) {
    if (!keep(i)) continue;
    ids_[kept] = ids_[i];
    logits_[kept++] = logits_[i];
  }
  if (kept == 0) return keep_best();
  size_ = kept;
}

template <class Visit>
void Candidates::visit_at_least(std::span<const float> logits, float bound, Visit&& visit) {
  for (size_t begin = 0; begin < logits.size(); begin += block) {
    const std::span<const float> part = logits.subspan(begin, std::min(block, logits.size() - begin));
    if (largest(part) < bound) continue;
    for (size_t i = 0; i < part.size(); i++) {
      if (part[i] >= bound) visit(begin + i);
    }
  }
}

template <class Keep>
void Candidates::keep_if_at_least(float bound, Keep&& keep) {
  if (all_) ids_.resize(logits_.size());
  size_t kept = 0;
  visit_at_least(logits(), bound, [&](size_t i) {
    if (!keep(i)) return;
    ids_[kept] = id(i);
    logits_[kept++] = logits_[i];
  });
  if (kept == 0) return keep_best();
  all_ = all_ && kept == size_;
  size_ = kept;
}

}  // namespace foretell
