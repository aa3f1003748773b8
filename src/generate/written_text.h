// One text as it is written: its prompt, the tokens chosen so far and the reasons to stop. Who reads the tokens, alone
// (generate.cpp) or with those of other texts (batch.cpp), is none of its business.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "foretell/generate.h"
#include "generate/text_stream.h"

namespace foretell {

// The options' sampling as it holds for a text: with its limit, and without end tokens where they end nothing.
SamplingOptions sampling_of(const GenerateOptions& options);

class WrittenText {
 public:
  // `capacity`: tokens of prompt and text that can be read at most. Everything given but the prompt must live as long.
  WrittenText(const Tokenizer* tokenizer, std::span<const TokenId> prompt, const GenerateOptions& options,
              int64_t capacity, const OnText& on_text);

  const SamplingOptions& sampling() const { return sampling_; }  // with the seed
  std::span<const TokenId> history() const { return history_; }  // the prompt and what was chosen
  std::span<const TokenId> prompt() const { return history().first(prompt_length_); }

  // Each of these gives the reason to stop, if there is one.
  std::optional<FinishReason> begin();  // first. Throws Error where the text's form needs more tokens than there are
  std::optional<FinishReason> stop();   // interrupted, or out of time
  std::optional<FinishReason> choose(std::span<const float> logits);  // a token: stop(), draw() and append_drawn()
  std::optional<FinishReason> append_drawn();
  // The tokens of which the constraint leaves no choice: the model need not be asked.
  std::optional<FinishReason> append_forced();

  // Chooses the next token. Texts without a constraint may draw on several threads, each for itself.
  void draw(std::span<const float> logits);
  // Where somebody else chooses: the most probable tokens after the samplers, `count` at most, best first, lower ids
  // first among equals; and the one that was chosen, after these logits.
  struct LikelyToken {
    TokenId id;
    double probability;
  };
  std::vector<LikelyToken> likeliest(std::span<const float> logits, size_t count);
  std::optional<FinishReason> take(TokenId id, std::span<const float> logits);
  bool constrained() const { return constrained_.has_value(); }

  // How many tokens can still be written.
  int64_t left() const;

  // The result, but for its timing; last.
  Generation finish(FinishReason reason);

 private:
  std::optional<FinishReason> append(TokenId id);
  void set_drawn(TokenId id, std::span<const float> logits);
  TokenId next_token(std::span<const float> logits);
  std::span<const uint64_t> allowed();  // tokens that may come next; empty: all
  void check_limit() const;
  bool context_is_full() const { return static_cast<int64_t>(history_.size()) >= capacity_; }
  int64_t generated() const { return static_cast<int64_t>(history_.size() - prompt_length_); }
  bool is_end(TokenId id) const;

  const GenerateOptions& options_;
  const SamplingOptions sampling_;
  SamplerChain chain_;
  TextStream stream_;
  const int64_t capacity_;
  const size_t prompt_length_;
  const Clock::time_point start_;
  std::vector<TokenId> history_;
  std::optional<ConstrainedText> constrained_;
  std::string_view to_write_again_;  // of what was taken back of the prompt
  std::vector<uint64_t> allowed_;    // tokens, while there is some of it
  TokenId drawn_ = 0;
  Generation result_;
};

}  // namespace foretell
