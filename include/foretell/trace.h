// What happens inside one run of the forward pass, and what becomes of it when a part is taken out.
//
//   foretell::Tracer tracer = foretell::Tracer::load("models/smollm2-135m-instruct");
//   const foretell::Trace trace = tracer.run(ids);
//   const foretell::Attribution why = tracer.attribute(trace, trace.best());
//
// All is computed in float32 (Precision::Exact), so that what the parts add sums to what the model says. Layers and
// heads are counted from 0. Threads: as Model's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "foretell/model.h"

namespace foretell {

// A part that is silenced: all that it adds becomes zero, or its mean over the tokens of the same run.
struct Ablation {
  enum class Part : uint8_t { Layer, Mlp, Mixer, Head };
  Part part = Part::Layer;
  int64_t layer = 0, head = -1;
  friend bool operator==(const Ablation&, const Ablation&) = default;
};
// "L5.H3", "L5.MLP", "L5.Mixer" or "L5". Throws Error where the text is none of these.
Ablation parse_ablation(const std::string& text);

struct TraceOptions {
  std::vector<Ablation> ablations = {};
  bool ablate_with_mean = false;           // instead of zero
  std::vector<int64_t> positions = {};     // whose attention is kept, in order; empty: all
  std::function<bool()> interrupted = {};  // asked between blocks of tokens
};

struct LayerTrace {
  int64_t heads = 0;             // of the mixer: attention's or the delta rule's; a short convolution is one
  bool attends = false;          // false: the mixer has no attention weights
  std::vector<float> attention;  // [heads][positions][positions]: of each query over the keys; zeros after the query
  std::vector<float> stream;     // [tokens][hidden]: the residual stream after the layer
  std::vector<float> mixer_norm, mlp_norm;  // [tokens]: the length of what the two add to the stream

  // Of the last token: what its attribution needs.
  std::vector<float> mixed;                    // [heads * dim]: gathered, before the output projection
  std::vector<float> mixer_block, mlp_block;   // [hidden] each: before the blocks' own norms, where they have any
  std::vector<float> mixer_adds, mlp_adds;     // what is added
  std::vector<float> mixer_sum, mlp_sum;       // the stream after that
  std::vector<float> input_block, input_adds;  // of the layer's own input of the token
  std::vector<double> mixed_mean, mixer_mean, mlp_mean, input_mean;  // over the tokens
};

struct Trace {
  std::vector<TokenId> tokens;
  std::vector<int64_t> positions;  // whose attention is kept
  int64_t hidden = 0;
  std::vector<float> embedded;  // [tokens][hidden]: the stream before the first layer
  std::vector<LayerTrace> layers;
  std::vector<float> logits;  // [vocabulary]: after the last token
  TokenId best() const;       // the likeliest, the lowest id among equals
};

// A logit taken apart, or the difference of two. The norms on the way are frozen: each scales by what it scaled by in
// this run, so that the stream reaches the logit by sums alone, and so does a cap.
struct Contribution {
  std::string name;  // "embedding", "positions", "L5.H3", "L5.MLP", "L5.Mixer", "L5.Input", "biases"
  double logit = 0;
};
struct Attribution {
  std::vector<Contribution> parts;  // in the order of the run
  double total = 0;                 // the logit; the parts sum to it, but for the rounding of float32
};

// Where along the way two prompts of as many tokens part: the stream of the first, put in the place of the second's
// after one layer at one position, and how much of the first one's answer comes back: 0 nothing, 1 all of it.
struct Patching {
  TokenId answer = 0, other_answer = 0;         // whose logits' difference is measured
  double difference = 0, other_difference = 0;  // logit(answer) - logit(other_answer) in the two runs
  std::vector<int64_t> positions;               // those from the first that differs on
  std::vector<double> restored;                 // [layers][positions]
};

class Tracer {
 public:
  // As Model::load; of the options precision and kv_cache are not used.
  static Tracer load(const std::filesystem::path& path, const LoadOptions& options = {});
  Tracer(Tracer&&) noexcept;
  Tracer& operator=(Tracer&&) noexcept;
  ~Tracer();

  int64_t vocabulary_size() const;
  int64_t layers() const;
  int64_t hidden_size() const;
  int64_t context_length() const;
  int64_t heads(int64_t layer) const;
  const std::string& architecture() const;

  // At least one token, at most the context's. Throws Error, also where an ablation names a part that there is not.
  Trace run(std::span<const TokenId> tokens, const TraceOptions& options = {});

  // What the model would say if a vector of the stream, [hidden], were the last layer's output: final norm,
  // unembedding. `on_logits` is given each vector's index and logits [vocabulary], in order.
  void read_out(std::span<const float* const> vectors,
                const std::function<void(size_t index, std::span<const float> logits)>& on_logits);

  // Of the last token's logit of `token`, or of its difference to that of `against`.
  Attribution attribute(const Trace& trace, TokenId token, std::optional<TokenId> against = {});

  // `answer` and `other_answer`: as given, or the likeliest after each prompt. Throws Error where the prompts have not
  // as many tokens, are the same, or the two answers are one. `on_progress` is given the part that is done.
  Patching patch(std::span<const TokenId> tokens, std::span<const TokenId> other, std::optional<TokenId> answer = {},
                 std::optional<TokenId> other_answer = {}, const std::function<void(double)>& on_progress = {},
                 const std::function<bool()>& interrupted = {});

 private:
  class Implementation;
  explicit Tracer(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace foretell
