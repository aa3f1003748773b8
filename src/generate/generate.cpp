#include "foretell/generate.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "generate/check_prompt.h"
#include "generate/logprobs.h"
#include "generate/speculation.h"
#include "generate/stop_matcher.h"

namespace foretell {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t most_reserved = 4096;  // tokens; nothing is allocated for each of these

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The ids as text: whole characters, up to a stop text.
class TextStream {
 public:
  TextStream(const Tokenizer* tokenizer, std::span<const TokenId> prompt, const GenerateOptions& options,
             const OnText& on_text)
      : stops_(options.stop), on_text_(on_text) {
    const auto tokens = static_cast<size_t>(std::min<int64_t>(options.max_tokens, most_reserved));
    starts_.reserve(tokens);
    text_.reserve(tokens * 8);  // bytes: more than most tokens have
    if (!tokenizer) return;
    decoder_.emplace(*tokenizer);
    // The decoder needs to know what the answer follows on: some vocabularies leave out the blank at the start of a
    // text.
    constexpr size_t enough = 16;
    for (const TokenId id : prompt.last(std::min(prompt.size(), enough))) (void)decoder_->push(id);
  }

  // False where a stop text has come.
  bool push(TokenId id) {
    starts_.push_back(decoded_);
    piece_.clear();
    if (decoder_) decoder_->push(id, piece_);
    decode(piece_);
    return !stops_.found();
  }

  void finish() {
    if (decoder_) decode(decoder_->finish());
    give(stops_.finish());
  }

  const std::string& text() const { return text_; }
  // How many of the ids have a part in the text: not those that lie in the stop text altogether.
  size_t ids_in_text() const {
    size_t count = starts_.size();
    if (stops_.found()) {
      while (count > 0 && starts_[count - 1] >= text_.size()) count--;
    }
    return count;
  }

 private:
  void decode(std::string_view piece) {
    decoded_ += piece.size();
    give(stops_.push(piece));
  }
  void give(std::string_view piece) {
    if (piece.empty()) return;
    text_ += piece;
    if (on_text_) on_text_(piece);
  }

  std::optional<StreamDecoder> decoder_;
  StopMatcher stops_;
  const OnText& on_text_;
  std::string text_, piece_;
  size_t decoded_ = 0;          // bytes that came out of the decoder
  std::vector<size_t> starts_;  // for each id, decoded_ before it
};

class Run {
 public:
  Run(Predictor& predictor, const Tokenizer* tokenizer, std::span<const TokenId> prompt, const GenerateOptions& options,
      const OnText& on_text)
      : predictor_(predictor),
        options_(options),
        sampling_(sampling_options(options)),
        chain_(sampling_),
        stream_(tokenizer, prompt, options, on_text),
        prompt_length_(prompt.size()),
        history_(prompt.begin(), prompt.end()),
        speculation_(predictor, options, sampling_, prompt) {
    if (options.constraint != nullptr) constrained_.emplace(*options.constraint);
    history_.reserve(prompt.size() + static_cast<size_t>(std::min<int64_t>(options.max_tokens, most_reserved)));
  }

  Generation run() {
    result_.seed = chain_.seed();
    if (options_.max_tokens > 0 && context_is_full()) {
      result_.finish_reason = FinishReason::Context;
    } else if (options_.max_tokens > 0) {
      check_limit();
      result_.finish_reason = write();
    }
    stream_.finish();
    result_.ids.assign(history_.begin() + static_cast<std::ptrdiff_t>(prompt_length_), history_.end());
    result_.timing.decode_tokens = static_cast<int64_t>(result_.ids.size());
    result_.ids.resize(stream_.ids_in_text());
    if (options_.logprobs >= 0) result_.logprobs.resize(result_.ids.size());
    result_.text = stream_.text();
    result_.drafted_tokens = speculation_.drafted();
    result_.accepted_tokens = speculation_.accepted();
    return std::move(result_);
  }

 private:
  static SamplingOptions sampling_options(const GenerateOptions& options) {
    SamplingOptions sampling = options.sampling;
    if (options.ignore_end) sampling.end_ids.clear();
    if (!sampling.seed) sampling.seed = random_seed();
    return sampling;
  }

  FinishReason write() {
    if (const auto reason = append_forced()) return *reason;
    const std::span<const float> logits = prefill();
    const auto start = Clock::now();
    const FinishReason reason = logits.empty() ? FinishReason::Interrupted : decode(logits);
    result_.timing.decode_s = seconds_since(start);
    return reason;
  }

  // A text that has a form can be whole with the tokens that there are.
  void check_limit() const {
    if (!constrained_ || options_.constraint->shortest() <= left()) return;
    const bool context = left() < options_.max_tokens;
    const int64_t shortest = options_.constraint->shortest();
    throw Error({.what = context ? "the context is too small for the shortest text of the grammar"
                                 : "the most tokens to generate are too few for the shortest text of the grammar",
                 .expected = (shortest == INT64_MAX ? "a shorter text" : std::to_string(shortest) + " tokens"),
                 .found = std::to_string(left())});
  }

  bool interrupted() const { return options_.interrupted && options_.interrupted(); }

  // The logits after the prompt; empty where it was interrupted.
  std::span<const float> prefill() {
    // What was read stays read, but for the last token: it has to be read now to get its logits.
    const auto last = static_cast<int64_t>(history_.size()) - 1;
    if (predictor_.length() > last) predictor_.truncate(last);
    const auto known = static_cast<size_t>(predictor_.length());
    const auto start = Clock::now();
    const std::function<bool()> stop = [this, known] {
      if (options_.on_prefill)
        options_.on_prefill(static_cast<size_t>(predictor_.length()) - known, history_.size() - known);
      return interrupted();
    };
    const auto logits = predictor_.read(std::span(history_).subspan(known), stop);
    if (options_.on_prefill) options_.on_prefill(history_.size() - known, history_.size() - known);
    result_.timing.prefill_s = seconds_since(start);
    result_.timing.prefill_tokens = predictor_.length() - static_cast<int64_t>(known);
    return logits;
  }

  FinishReason decode(std::span<const float> logits) {
    Speculation::Ahead ahead{.guesses = {}, .logits = {&logits, 1}};
    while (true) {
      if (const auto reason = choose(ahead)) return *reason;
      const size_t chosen = history_.size();
      if (const auto reason = append_forced()) return *reason;
      if (history_.size() == chosen) {
        ahead = speculation_.read_on(history_, room());
        continue;
      }
      const auto unread = std::span(history_).subspan(static_cast<size_t>(predictor_.length()));
      logits = predictor_.read(unread, [this] { return interrupted(); });
      if (logits.empty()) return FinishReason::Interrupted;
      ahead = {.guesses = {}, .logits = {&logits, 1}};
    }
  }

  // Chooses the next token, and one more after each guess for as long as the guesses come true.
  std::optional<FinishReason> choose(const Speculation::Ahead& ahead) {
    const size_t before = history_.size();
    std::optional<FinishReason> reason;
    size_t accepted = 0;
    while (true) {
      reason = append(ahead.logits[accepted]);
      const bool came = accepted < ahead.guesses.size() && history_.size() == before + accepted + 1 &&
                        history_.back() == ahead.guesses[accepted];
      if (came) accepted++;
      if (reason || !came) break;
    }
    speculation_.judge(accepted);
    const auto right = static_cast<int64_t>(before + accepted);  // tokens of the history that were read
    if (predictor_.length() > right) predictor_.truncate(right);
    return reason;
  }

  // Chooses a token by the logits; the reason to stop, if there is one.
  std::optional<FinishReason> append(std::span<const float> logits) {
    if (interrupted()) return FinishReason::Interrupted;
    const TokenId id = next_token(logits);
    if (is_end(id)) return FinishReason::Stop;
    if (options_.logprobs >= 0)
      result_.logprobs.push_back(logprobs_of(logits, id, static_cast<size_t>(options_.logprobs)));
    return append_token(id);
  }

  TokenId next_token(std::span<const float> logits) {
    if (!constrained_) return chain_.sample(logits, history_, prompt_length_).id;
    if (options_.logprobs >= 0) {  // each token's logits are wanted, so forced ones come one by one, too
      if (const auto forced = constrained_->forced(left()); !forced.empty()) return forced.front();
    }
    return chain_.sample(logits, history_, prompt_length_, constrained_->allowed(left())).id;
  }

  // The tokens of which the constraint leaves no choice: the model need not be asked.
  std::optional<FinishReason> append_forced() {
    if (!constrained_ || options_.logprobs >= 0) return {};
    while (true) {
      const auto forced = constrained_->forced(left());
      if (forced.empty()) return {};
      for (const TokenId id : std::vector(forced.begin(), forced.end())) {
        if (interrupted()) return FinishReason::Interrupted;
        if (const auto reason = append_token(id)) return reason;
      }
    }
  }

  std::optional<FinishReason> append_token(TokenId id) {
    history_.push_back(id);
    if (constrained_) constrained_->accept(id);
    if (!stream_.push(id) || (constrained_ && constrained_->finished())) return FinishReason::Stop;
    if (generated() >= options_.max_tokens) return FinishReason::Length;
    if (context_is_full()) return FinishReason::Context;
    return {};
  }

  // How many guesses can still be of use.
  size_t room() const {
    const int64_t tokens = options_.max_tokens - generated() - 1;
    return static_cast<size_t>(std::min(tokens, predictor_.capacity() - static_cast<int64_t>(history_.size())));
  }

  // How many tokens can still be written.
  int64_t left() const {
    return std::min(options_.max_tokens - generated(), predictor_.capacity() - static_cast<int64_t>(history_.size()));
  }
  bool context_is_full() const { return static_cast<int64_t>(history_.size()) >= predictor_.capacity(); }
  int64_t generated() const { return static_cast<int64_t>(history_.size() - prompt_length_); }
  bool is_end(TokenId id) const {
    const auto& ends = options_.sampling.end_ids;
    return !options_.ignore_end && std::find(ends.begin(), ends.end(), id) != ends.end();
  }

  Predictor& predictor_;
  const GenerateOptions& options_;
  const SamplingOptions sampling_;  // with the seed
  SamplerChain chain_;
  TextStream stream_;
  const size_t prompt_length_;
  std::vector<TokenId> history_;  // the prompt and what was generated
  Speculation speculation_;
  std::optional<ConstrainedText> constrained_;
  Generation result_;
};

}  // namespace

std::string_view name(FinishReason reason) {
  switch (reason) {
    case FinishReason::Stop:
      return "stop";
    case FinishReason::Length:
      return "length";
    case FinishReason::Context:
      return "context";
    case FinishReason::Interrupted:
      return "interrupted";
  }
  return "";
}

Generation generate(Predictor& predictor, const Tokenizer* tokenizer, std::span<const TokenId> prompt,
                    const GenerateOptions& options, const OnText& on_text) {
  check_prompt(predictor, prompt);
  return Run(predictor, tokenizer, prompt, options, on_text).run();
}

Generation generate(Model& model, const Tokenizer* tokenizer, Sequence& sequence, std::span<const TokenId> prompt,
                    const GenerateOptions& options, const OnText& on_text) {
  ModelPredictor predictor(model, sequence);
  return generate(predictor, tokenizer, prompt, options, on_text);
}

}  // namespace foretell
