#include "generate/written_text.h"

#include <algorithm>
#include <string>

#include "generate/logprobs.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

SamplingOptions with_seed(const GenerateOptions& options) {
  SamplingOptions sampling = sampling_of(options);
  if (!sampling.seed) sampling.seed = random_seed();
  return sampling;
}

}  // namespace

SamplingOptions sampling_of(const GenerateOptions& options) {
  SamplingOptions sampling = options.sampling;
  sampling.max_tokens = options.max_tokens;
  if (options.ignore_end) sampling.end_ids.clear();
  return sampling;
}

WrittenText::WrittenText(const Tokenizer* tokenizer, std::span<const TokenId> prompt, const GenerateOptions& options,
                         int64_t capacity, const OnText& on_text)
    : options_(options),
      sampling_(with_seed(options)),
      chain_(sampling_),
      stream_(tokenizer, prompt, options, on_text),
      capacity_(capacity),
      prompt_length_(prompt.size()),
      start_(Clock::now()),
      history_(prompt.begin(), prompt.end()),
      to_write_again_(options.taken_back.bytes) {
  constexpr int64_t most_reserved = 4096;  // tokens; nothing is allocated for each of these
  if (options.constraint != nullptr) constrained_.emplace(*options.constraint);
  if (constrained_ && !to_write_again_.empty())
    throw Error({.what = "token healing does not go with a form of the text"});
  history_.reserve(prompt.size() + static_cast<size_t>(std::min(options.max_tokens, most_reserved)));
}

std::optional<FinishReason> WrittenText::begin() {
  check_limit();
  if (options_.max_tokens <= 0) return FinishReason::Length;
  if (context_is_full()) return FinishReason::Context;
  return append_forced();
}

// A text that has a form can be whole with the tokens that there are.
void WrittenText::check_limit() const {
  if (!constrained_ || options_.constraint->shortest() <= left()) return;
  const bool context = left() < options_.max_tokens;
  const int64_t shortest = options_.constraint->shortest();
  throw Error({.what = context ? "the context is too small for the shortest text of the grammar"
                               : "the most tokens to generate are too few for the shortest text of the grammar",
               .expected = (shortest == INT64_MAX ? "a shorter text" : std::to_string(shortest) + " tokens"),
               .found = std::to_string(left())});
}

std::optional<FinishReason> WrittenText::stop() {
  if (options_.interrupted && options_.interrupted()) return FinishReason::Interrupted;
  if (options_.max_seconds <= 0) return {};
  result_.out_of_time = seconds_since(start_) >= options_.max_seconds;
  if (result_.out_of_time) return FinishReason::Length;
  return {};
}

std::optional<FinishReason> WrittenText::choose(std::span<const float> logits) {
  if (const auto reason = stop()) return reason;
  draw(logits);
  return append_drawn();
}

void WrittenText::draw(std::span<const float> logits) { set_drawn(next_token(logits), logits); }

void WrittenText::set_drawn(TokenId id, std::span<const float> logits) {
  drawn_ = id;
  if (options_.logprobs >= 0 && !is_end(drawn_))
    result_.logprobs.push_back(logprobs_of(logits, drawn_, static_cast<size_t>(options_.logprobs)));
}

std::vector<WrittenText::LikelyToken> WrittenText::likeliest(std::span<const float> logits, size_t count) {
  Candidates& candidates = chain_.apply(logits, history_, prompt_length_, {}, allowed());
  const Candidates::Weights weights = candidates.weights();
  std::vector<LikelyToken> tokens;
  for (const TokenId place : most_probable(candidates.logits(), count)) {
    const auto i = static_cast<size_t>(place);
    tokens.push_back({candidates.id(i), weights.probability(i)});
  }
  return tokens;
}

std::optional<FinishReason> WrittenText::take(TokenId id, std::span<const float> logits) {
  set_drawn(id, logits);
  return append_drawn();
}

TokenId WrittenText::next_token(std::span<const float> logits) {
  if (constrained_ && options_.logprobs >= 0) {  // each token's logits are wanted, so forced ones come one by one, too
    if (const auto forced = constrained_->forced(left()); !forced.empty()) return forced.front();
  }
  return chain_.sample(logits, history_, prompt_length_, allowed()).id;
}

std::span<const uint64_t> WrittenText::allowed() {
  if (constrained_) return constrained_->allowed(left());
  if (to_write_again_.empty()) return {};
  options_.taken_back.healing->allow(to_write_again_, allowed_);
  return allowed_;
}

std::optional<FinishReason> WrittenText::append_drawn() {
  if (is_end(drawn_)) return FinishReason::Stop;
  return append(drawn_);
}

std::optional<FinishReason> WrittenText::append_forced() {
  if (!constrained_ || options_.logprobs >= 0) return {};
  while (true) {
    const auto forced = constrained_->forced(left());
    if (forced.empty()) return {};
    for (const TokenId id : std::vector(forced.begin(), forced.end())) {
      if (const auto reason = stop()) return reason;
      if (const auto reason = append(id)) return reason;
    }
  }
}

std::optional<FinishReason> WrittenText::append(TokenId id) {
  history_.push_back(id);
  if (constrained_) constrained_->accept(id);
  if (!to_write_again_.empty()) to_write_again_ = options_.taken_back.healing->rest_after(to_write_again_, id);
  if (!stream_.push(id) || (constrained_ && constrained_->finished())) return FinishReason::Stop;
  if (generated() >= options_.max_tokens) return FinishReason::Length;
  if (context_is_full()) return FinishReason::Context;
  return {};
}

int64_t WrittenText::left() const {
  return std::min(options_.max_tokens - generated(), capacity_ - static_cast<int64_t>(history_.size()));
}

bool WrittenText::is_end(TokenId id) const {
  const auto& ends = sampling_.end_ids;
  return std::find(ends.begin(), ends.end(), id) != ends.end();
}

Generation WrittenText::finish(FinishReason reason) {
  stream_.finish();
  result_.finish_reason = reason;
  result_.seed = chain_.seed();
  result_.ids.assign(history_.begin() + static_cast<std::ptrdiff_t>(prompt_length_), history_.end());
  result_.timing.decode_tokens = static_cast<int64_t>(result_.ids.size());
  result_.ids.resize(stream_.ids_in_text());
  if (options_.logprobs >= 0) result_.logprobs.resize(result_.ids.size());
  result_.text = stream_.text();
  return std::move(result_);
}

}  // namespace foretell
