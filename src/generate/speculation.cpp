#include "generate/speculation.h"

#include <algorithm>

#include "base/clock.h"

namespace foretell {
namespace {

// How long the history can become.
size_t longest_history(const Predictor& predictor, size_t prompt_length, int64_t max_tokens) {
  const auto prompt = static_cast<int64_t>(prompt_length);
  return static_cast<size_t>(std::min(predictor.capacity(), prompt + std::min<int64_t>(max_tokens, 1 << 20)));
}

}  // namespace

DraftModel::DraftModel(Predictor& predictor, const SamplingOptions& sampling, std::span<const TokenId> prompt)
    : predictor_(predictor), chain_(sampling), prompt_length_(prompt.size()), text_(prompt.begin(), prompt.end()) {
  text_.reserve(static_cast<size_t>(predictor.capacity()));
  const auto last = static_cast<int64_t>(prompt_length_) - 1;
  if (predictor_.length() > last) predictor_.truncate(last);
}

// Reads what the draft model does not know of the history yet, at least its last token; nothing where it cannot.
std::span<const float> DraftModel::catch_up(std::span<const TokenId> history,
                                            const std::function<bool()>& interrupted) {
  while (agreed_ < std::min(text_.size(), history.size()) && text_[agreed_] == history[agreed_]) agreed_++;
  const auto unread = history.subspan(std::min<size_t>(agreed_, static_cast<size_t>(predictor_.length())));
  text_.resize(agreed_);
  text_.insert(text_.end(), history.begin() + static_cast<std::ptrdiff_t>(agreed_), history.end());
  const auto foreign = [this](TokenId id) { return vocabulary_ > 0 && static_cast<size_t>(id) >= vocabulary_; };
  if (std::any_of(unread.begin(), unread.end(), foreign)) return {};
  const auto known = static_cast<int64_t>(history.size() - unread.size());
  if (predictor_.length() > known) predictor_.truncate(known);
  agreed_ = history.size();
  return predictor_.read(unread, interrupted);
}

size_t DraftModel::guess(std::span<const TokenId> history, size_t vocabulary, std::span<TokenId> guesses,
                         const std::function<bool()>& interrupted) {
  const auto length = static_cast<int64_t>(history.size());
  if (length + static_cast<int64_t>(guesses.size()) > predictor_.capacity()) return 0;
  const int64_t unread = length - predictor_.length();
  const auto start = Clock::now();
  std::span<const float> logits = catch_up(history, interrupted);
  size_t count = 0;
  while (!logits.empty() && count < guesses.size()) {
    vocabulary_ = logits.size();
    const TokenId id = chain_.sample(logits, text_, prompt_length_).id;
    if (static_cast<size_t>(id) >= vocabulary) break;
    guesses[count++] = id;
    text_.push_back(id);
    if (count < guesses.size()) logits = predictor_.read({&text_.back(), 1}, interrupted);
  }
  constexpr int64_t usual = 2;  // more is the prompt, or what was looked up meanwhile
  if (count > 0 && unread <= usual) {
    const double each = seconds_since(start) / static_cast<double>(count);
    seconds_ = seconds_ > 0 ? seconds_ + (each - seconds_) / 4 : each;
  }
  return count;
}

void DraftModel::judge(size_t guessed, size_t accepted) {
  for (size_t i = 0; i < accepted; i++) acceptance_.add(true);
  if (accepted < guessed) acceptance_.add(false);
}

DraftPlan DraftModel::plan(const StepCosts& costs, size_t most) {
  constexpr double supposed = 0.25;  // of the large model's time
  const double seconds = seconds_ > 0 ? seconds_ : supposed * costs.of(1);
  const DraftPlan plan = plan_draft(costs, most, seconds, [this](size_t) { return acceptance_.rate(); });
  if (plan.tokens == 0) acceptance_.fade();
  return plan;
}

Speculation::Speculation(Predictor& predictor, const GenerateOptions& options, const SamplingOptions& sampling,
                         std::span<const TokenId> prompt)
    : predictor_(predictor), options_(options), sampling_(sampling) {
  if (options.lookup != 0 && predictor.draft_room(1) > 0)
    lookup_.emplace(longest_history(predictor, prompt.size(), options.max_tokens));
  if (options.draft == nullptr || options.draft_tokens == 0) return;
  if (options.draft->draft_room(1) == 0)
    throw Error({.what = "this model cannot guess for another one",
                 .expected = "one that can forget the tokens that it read last",
                 .found = "a state that cannot be turned back"});
  model_.emplace(*options.draft, sampling, prompt);
}

// Nothing comes after an end token, so it need not be read.
size_t Speculation::without_end(std::span<const TokenId> guesses) const {
  const auto& ends = sampling_.end_ids;
  const auto end = std::find_first_of(guesses.begin(), guesses.end(), ends.begin(), ends.end());
  return static_cast<size_t>(end - guesses.begin());
}

// Puts guesses behind the first token of step_; gives their number.
size_t Speculation::draft(std::span<const TokenId> history, size_t room) {
  if (lookup_) lookup_->read(history);
  room = std::min(room, most_drafted);
  if (room == 0 || (!lookup_ && !model_)) return 0;
  room = static_cast<size_t>(predictor_.draft_room(static_cast<int64_t>(room)));
  const std::span<TokenId> guesses(step_.data() + 1, room);
  DraftPlan looked_up, guessed;
  if (lookup_ && lookup_->match_length() > 0) {
    if (options_.lookup > 0)
      looked_up = {std::min(room, static_cast<size_t>(options_.lookup)), 1};
    else
      looked_up = plan_draft(costs_, room, 0, [this](size_t ahead) { return lookup_->chance(ahead); });
  }
  const bool decided = looked_up.tokens > 0 && options_.lookup > 0;
  if (model_ && !decided && !logits_[0].empty()) {
    if (options_.draft_tokens > 0)
      guessed = {std::min(room, static_cast<size_t>(options_.draft_tokens)), 1};
    else
      guessed = model_->plan(costs_, room);
  }
  model_guessed_ = guessed.tokens > 0 && (looked_up.tokens == 0 || guessed.speed > looked_up.speed);
  if (model_guessed_)
    return without_end(
        guesses.first(model_->guess(history, logits_[0].size(), guesses.first(guessed.tokens), options_.interrupted)));
  if (looked_up.tokens == 0) return 0;
  // Where little is won, what a plain step takes is measured again now and then.
  constexpr int64_t stale = 32;
  if (options_.lookup < 0 && looked_up.speed * costs_.of(1) < 1.5 && plain_steps_ago_ > stale) return 0;
  lookup_->copy_continuation(history, guesses.first(looked_up.tokens));
  return without_end(guesses.first(looked_up.tokens));
}

Speculation::Ahead Speculation::read_on(std::span<const TokenId> history, size_t room) {
  guessed_ = draft(history, room);
  step_[0] = history.back();
  const std::span<const TokenId> tokens(step_.data(), guessed_ + 1);
  const std::span<std::span<const float>> logits(logits_.data(), tokens.size());
  const auto start = Clock::now();
  predictor_.read_each(tokens, logits);
  costs_.add(tokens.size(), seconds_since(start));
  plain_steps_ago_ = guessed_ == 0 ? 0 : plain_steps_ago_ + 1;
  return {tokens.subspan(1), logits};
}

void Speculation::judge(size_t accepted) {
  if (model_guessed_ && guessed_ > 0) model_->judge(guessed_, accepted);
  drafted_ += static_cast<int64_t>(guessed_);
  accepted_ += static_cast<int64_t>(accepted);
}

}  // namespace foretell
