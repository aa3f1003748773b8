#include <algorithm>

#include "constrain/grammar.h"
#include "constrain/recognizer.h"
#include "constrain/token_masks.h"
#include "constrain/vocabulary.h"
#include "tokenizer/utf8.h"

namespace foretell {

using namespace constrain;

namespace {

constexpr size_t most_memory = 256 << 20;     // bytes to remember states and masks in
constexpr size_t longest_forced_text = 4096;  // bytes at a time

// Without a character at the end that is not whole.
std::string_view whole_characters(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(4, text.size()); back++) {
    const std::string_view last = text.substr(text.size() - back);
    if (tokenization::is_continuation(last[0])) continue;
    if (tokenization::read_utf8(last).kind == tokenization::Utf8Step::Kind::Incomplete) text.remove_suffix(back);
    break;
  }
  return text;
}

}  // namespace

class Constraint::Implementation {
 public:
  Implementation(const Grammar& grammar, std::shared_ptr<const Vocabulary> tokens, std::span<const TokenId> ends)
      : vocabulary(std::move(tokens)),
        end_ids(ends.begin(), ends.end()),
        recognizer(grammar.parts().automaton_for(vocabulary->characters())),
        masks(recognizer, *vocabulary, end_ids) {}

  // Forgets what was found out where it has become much; states of an earlier epoch are no longer valid.
  void limit_memory() {
    if (recognizer.memory() + masks.memory() < most_memory) return;
    masks.forget();
    recognizer.forget();
    epoch++;
  }

  const std::shared_ptr<const Vocabulary> vocabulary;
  const std::vector<TokenId> end_ids;
  Recognizer recognizer;
  TokenMasks masks;
  uint64_t epoch = 0;
};

Constraint::Constraint(const Grammar& grammar, const Tokenizer& tokenizer, std::span<const TokenId> end_ids)
    : implementation_(
          std::make_unique<Implementation>(grammar, std::make_shared<const Vocabulary>(tokenizer), end_ids)) {}
Constraint::Constraint(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Constraint::Constraint(Constraint&&) noexcept = default;
Constraint& Constraint::operator=(Constraint&&) noexcept = default;
Constraint::~Constraint() = default;

Constraint Constraint::with_grammar(const Grammar& grammar) const {
  return Constraint(std::make_unique<Implementation>(grammar, implementation_->vocabulary, implementation_->end_ids));
}

int64_t Constraint::shortest() const {
  const auto& tokens = implementation_->masks.completion(implementation_->recognizer.start());
  return tokens ? static_cast<int64_t>(tokens->size()) : INT64_MAX;
}

ConstrainedText::ConstrainedText(const Constraint& constraint)
    : constraint_(constraint.implementation_.get()),
      state_(constraint_->recognizer.start()),
      epoch_(constraint_->epoch) {}

// Finds the state again where the constraint has forgotten it.
void ConstrainedText::refresh() const {
  if (epoch_ == constraint_->epoch) return;
  state_ = constraint_->recognizer.next(constraint_->recognizer.start(), bytes_);
  epoch_ = constraint_->epoch;
}

std::span<const uint64_t> ConstrainedText::allowed(int64_t left) {
  constraint_->limit_memory();
  refresh();
  TokenMasks& masks = constraint_->masks;
  const TokenMasks::Mask& mask = masks.mask(state_);
  if (int64_t{mask.most_left} <= left - 1 || !masks.can_complete(state_, left)) return mask.bits;
  if (masks.most_tokens(state_) <= left - 1) return mask.bits;
  masks.filter(state_, left - 1, filtered_);
  // Where the shortest ways of two states differ, at least this one's is known to be short enough.
  if (const auto& tokens = masks.completion(state_); tokens && !tokens->empty()) {
    const auto id = static_cast<size_t>(tokens->front());
    filtered_[id / 64] |= uint64_t{1} << (id % 64);
  }
  return filtered_;
}

std::span<const TokenId> ConstrainedText::forced(int64_t left) {
  constraint_->limit_memory();
  refresh();
  Recognizer& recognizer = constraint_->recognizer;
  TokenMasks& masks = constraint_->masks;
  forced_.clear();
  if (left <= 0 || finished()) return {};
  // The last chance to complete the text.
  if (static_cast<int64_t>(recognizer.cost(state_)) >= left && !complete()) {
    const auto& tokens = masks.completion(state_);
    if (tokens && static_cast<int64_t>(tokens->size()) == left) return forced_ = *tokens;
  }
  std::string text;
  Recognizer::State end = state_;
  while (text.size() < longest_forced_text) {
    const auto byte = recognizer.only_byte(end);
    if (!byte) break;
    text += static_cast<char>(*byte);
    end = recognizer.next(end, *byte);
  }
  text.resize(whole_characters(text).size());
  if (text.empty() || !tokenization::is_utf8(text)) return {};
  forced_ = constraint_->vocabulary->encode(text);
  if (forced_.empty()) return {};
  // A token may reach beyond the forced text: from the first place on where one does, the model chooses.
  Recognizer::State state = state_;
  size_t at = 0, count = 0;
  for (; count < forced_.size(); count++) {
    const std::string_view rest = std::string_view(text).substr(at);
    if (rest.size() < constraint_->vocabulary->longest() && masks.reaches_beyond(state, rest)) break;
    const std::string_view token = constraint_->vocabulary->bytes(forced_[count]);
    state = recognizer.next(state, token);
    at += token.size();
  }
  forced_.resize(count);
  if (!masks.can_complete(state, left - static_cast<int64_t>(count)) && masks.can_complete(state_, left))
    forced_.clear();
  return forced_;
}

void ConstrainedText::accept(TokenId id) {
  refresh();
  const bool known = id >= 0 && static_cast<size_t>(id) < constraint_->vocabulary->size();
  const std::string_view bytes = known ? constraint_->vocabulary->bytes(id) : std::string_view();
  const Recognizer::State next = constraint_->recognizer.next(state_, bytes);
  if (next == Recognizer::dead || bytes.empty())
    throw Error({.what = "a token does not fit the grammar", .where = "token " + std::to_string(id)});
  state_ = next;
  bytes_ += bytes;
}

bool ConstrainedText::complete() const {
  refresh();
  return constraint_->recognizer.accepts(state_);
}

bool ConstrainedText::finished() const {
  refresh();
  return constraint_->recognizer.finished(state_);
}

}  // namespace foretell
