// The loop that turns predictions into text: read the prompt, choose a token, append it, and again until there is a
// reason to stop.
//
//   foretell::Sequence sequence(model);
//   foretell::GenerateOptions options;
//   options.max_tokens = 64;
//   foretell::Generation out = foretell::generate(model, tokenizer, sequence, tokenizer.encode("Once upon a time"),
//   options,
//                                                 [](std::string_view text) { std::cout << text << std::flush; });
//
// foretell.h has it shorter. Threads: as Model's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foretell/constrain.h"
#include "foretell/healing.h"
#include "foretell/model.h"
#include "foretell/sampling.h"
#include "foretell/tokenizer.h"

namespace foretell {

class Predictor;

// Contrastive search (Su et al., "A Contrastive Framework for Neural Text Generation", arXiv:2202.06417), as
// transformers has it: of the top_k most probable tokens that one is taken whose
//   (1 - penalty_alpha) probability - penalty_alpha max cos(its hidden state, that of each earlier token)
// is greatest. Nothing is drawn: of the samplers only those run that have no part in the draw (penalties and the like).
struct ContrastiveSearch {
  double penalty_alpha = 0.6;  // 0 to 1
  int64_t top_k = 50;          // at least 1; all of them are read, in one step
};

// DoLa (Chuang et al., arXiv:2309.03883), as transformers has it: what the last layer says against what an earlier one
// would have said, of those chosen here the one that differs most.
struct DolaLayers {
  enum class Part : uint8_t {
    Low,    // every other one of the lower half, from 20 at most
    High,   // and of the upper
    Listed  // 0: the embeddings, 1: what the first layer makes of them...
  };
  Part part = Part::Low;
  std::vector<int64_t> listed = {};
};

struct GenerateOptions {
  SamplingOptions sampling = {};       // its end_ids end the text
  int64_t max_tokens = 512;            // generated ones
  double max_seconds = 0;              // from the start, the prompt's reading included; 0: any time
  std::vector<std::string> stop = {};  // texts that end the generation; nothing of them is given out
  bool ignore_end = false;             // end tokens are tokens like others
  int64_t logprobs = -1;  // how many of the best log-probabilities to report for each token; -1: none at all
  const Constraint* constraint = nullptr;  // the form of the text (constrain.h); what there is, is always completed
  TakenBack taken_back = {};  // of the prompt's end (healing.h): the first tokens write it again; it is not given out
  // Asked before each token and between two blocks of the prompt; where it says true the generation ends.
  std::function<bool()> interrupted = {};
  std::function<void(size_t done, size_t total)> on_prefill = {};  // called now and then while the prompt is read

  // Speculation: guesses at the next tokens are checked several at a time. It makes the same text come sooner.
  int64_t lookup = -1;         // guess what followed when the text's end stood in it before: at most so many tokens at
                               // a time; 0: not at all; -1: as many as pay
  Predictor* draft = nullptr;  // a smaller model with the same tokens that guesses; it reads the same text
  int64_t draft_tokens = -1;   // its guesses at a time; -1: as many as pay

  // Other ways to choose tokens, not both; for one text that a Model writes. Nothing is guessed ahead then.
  std::optional<ContrastiveSearch> contrastive = {};
  std::optional<DolaLayers> dola = {};
};

enum class FinishReason {
  Stop,         // an end token or a stop text
  Length,       // max_tokens, or max_seconds
  Context,      // prompt and text fill the context
  Interrupted,  // as asked for
};
std::string_view name(FinishReason reason);  // "stop", "length", "context", "interrupted"

// Of the model's own distribution: temperature 1, no sampler.
struct TokenLogprob {
  TokenId id = 0;
  double logprob = 0;  // natural logarithm
};
struct ChosenLogprob : TokenLogprob {
  std::vector<TokenLogprob> top;  // the best ones, best first, lower ids first among equals
};

struct GenerateTiming {
  double prefill_s = 0;  // reading the prompt, up to the logits of its last token
  int64_t prefill_tokens = 0;
  double decode_s = 0;  // from there to the end
  int64_t decode_tokens = 0;
};

struct Generation {
  std::vector<TokenId> ids;  // without the end token and the tokens of a stop text
  std::string text;          // exactly what was given to on_text
  FinishReason finish_reason = FinishReason::Length;
  bool out_of_time = false;  // it was max_seconds
  uint64_t seed = 0;
  GenerateTiming timing;
  std::vector<ChosenLogprob> logprobs;  // one for each id, where asked for
  int64_t drafted_tokens = 0;           // guesses that were checked
  int64_t accepted_tokens = 0;          // those of them that came
};

// Whole characters, as soon as they are certain not to belong to a stop text.
using OnText = std::function<void(std::string_view text)>;

// What predicts: a model that is reading one text. The loop needs no more than this.
class Predictor {
 public:
  virtual ~Predictor() = default;
  virtual int64_t length() const = 0;    // tokens read
  virtual int64_t capacity() const = 0;  // tokens that it can read at most
  virtual void truncate(int64_t length) = 0;
  // Reads the tokens (at least one) and gives the logits after the last, valid until the next call. `stop`, where
  // given, is asked now and then; where it says true, nothing is given and some of the tokens may have been read.
  virtual std::span<const float> read(std::span<const TokenId> tokens, const std::function<bool()>& stop) = 0;

  // How many guesses, `wanted` at most, the next step may read beside a token: with the logits that they would have one
  // by one, and so that truncate() takes them back at no cost.
  virtual int64_t draft_room([[maybe_unused]] int64_t wanted) const { return 0; }
  // Reads one token and at most draft_room() more, and gives the logits after each in `logits`, as many; valid until
  // the next call.
  virtual void read_each(std::span<const TokenId> tokens, std::span<std::span<const float>> logits) {
    logits.back() = read(tokens, {});
  }
};

// A model that reads one sequence; both must outlive it.
class ModelPredictor : public Predictor {
 public:
  ModelPredictor(Model& model, Sequence& sequence) : model_(model), sequence_(sequence) {}
  int64_t length() const override { return sequence_.length(); }
  int64_t capacity() const override { return sequence_.capacity(); }
  void truncate(int64_t length) override { sequence_.truncate(length); }
  std::span<const float> read(std::span<const TokenId> tokens, const std::function<bool()>& stop) override;
  int64_t draft_room(int64_t wanted) const override { return model_.draft_room(sequence_, wanted); }
  void read_each(std::span<const TokenId> tokens, std::span<std::span<const float>> logits) override;

 private:
  Model& model_;
  Sequence& sequence_;
  std::vector<float> logits_;  // [vocabulary], after several tokens
};

// The predictor has read a beginning of the prompt already, or nothing: its first length() tokens are taken to be the
// prompt's. Without a tokenizer (null) there are ids and no text. Throws Error where the prompt is empty, longer than
// the context or has ids outside of the vocabulary, for options out of their range or that do not go together, for
// logits that are not numbers, and where max_tokens or the context is too small for any text that the constraint
// allows. A predictor has no hidden states or layers, so options.contrastive and .dola are errors there.
Generation generate(Predictor& predictor, const Tokenizer* tokenizer, std::span<const TokenId> prompt,
                    const GenerateOptions& options, const OnText& on_text = {});
Generation generate(Model& model, const Tokenizer* tokenizer, Sequence& sequence, std::span<const TokenId> prompt,
                    const GenerateOptions& options, const OnText& on_text = {});

// A prompt's tokens. `special`: with those that the tokenizer adds (BOS, EOS...), but not a second time where the text
// has them there already.
std::vector<TokenSpan> encode_prompt(const Tokenizer& tokenizer, std::string_view text, bool special = true);
std::vector<TokenId> prompt_ids(const Tokenizer& tokenizer, std::string_view text, bool special = true);
std::vector<TokenSpan> encode_prompt(const Tokenizer& tokenizer, std::span<const TextPart> parts, bool special = true);

// Throws Error, naming both, where the tokens of a draft model are not those of the model that it guesses for.
void check_same_tokens(const Tokenizer& tokenizer, const std::filesystem::path& model, const Tokenizer& draft,
                       const std::filesystem::path& draft_model);

// The ids of all tokens whose text has one of the texts in it, for SamplingOptions::dry_breakers.
std::vector<TokenId> tokens_containing(const Tokenizer& tokenizer, std::span<const std::string> texts);

}  // namespace foretell
