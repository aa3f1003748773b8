#include "generate/contrastive_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "generate/check_prompt.h"
#include "generate/written_text.h"
#include "model/implementation.h"
#include "model/padding.h"
#include "sampling/parameters.h"

namespace foretell {
namespace {

using Wanted = Model::Implementation::Wanted;

// In lanes, so that the sum has one order and the compiler may use vectors.
float dot(const float* a, const float* b, int64_t count) {
  constexpr int64_t width = 32;
  float lanes[width] = {};
  for (int64_t i = 0; i < count; i += width)
    for (int64_t lane = 0; lane < width; lane++) lanes[lane] += a[i + lane] * b[i + lane];
  for (int64_t half = width / 2; half > 0; half /= 2)
    for (int64_t lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
  return lanes[0];
}

// Where hidden states point: vectors of length 1 (or 0, where one has none), padded with zeros.
class Directions {
 public:
  explicit Directions(int64_t dims) : dims_(dims), stride_(padded(dims)) {}
  void clear() { rows_.clear(); }
  void add(std::span<const float> states) {  // [any number][dims]
    for (size_t at = 0; at < states.size(); at += static_cast<size_t>(dims_)) add_one(states.data() + at);
  }
  void add(const Directions& others, size_t index) {
    rows_.insert(rows_.end(), others.row(index), others.row(index) + stride_);
  }
  // The cosine to that of these which is most alike.
  float most_alike(const Directions& others, size_t index) const {
    float best = -1;
    for (size_t at = 0; at < rows_.size(); at += static_cast<size_t>(stride_))
      best = std::max(best, dot(rows_.data() + at, others.row(index), stride_));
    return best;
  }

 private:
  const float* row(size_t index) const { return rows_.data() + index * static_cast<size_t>(stride_); }
  void add_one(const float* state) {
    double squares = 0;
    for (int64_t i = 0; i < dims_; i++) squares += static_cast<double>(state[i]) * state[i];
    const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
    for (int64_t i = 0; i < dims_; i++) rows_.push_back(static_cast<float>(state[i] * scale));
    rows_.resize(rows_.size() + static_cast<size_t>(stride_ - dims_));
  }

  const int64_t dims_, stride_;
  std::vector<float> rows_;
};

class Search {
 public:
  Search(Model& model, const Tokenizer* tokenizer, Sequence& sequence, std::span<const TokenId> prompt,
         const GenerateOptions& options, const OnText& on_text)
      : model_(model),
        forward_(*model.implementation().forward_),
        sequence_(sequence),
        options_(options),
        alpha_(options.contrastive->penalty_alpha),
        most_(static_cast<size_t>(options.contrastive->top_k)),
        text_(tokenizer, prompt, options, sequence.capacity(), on_text),
        read_(forward_.final_dims()),
        looked_at_(forward_.final_dims()) {}

  Generation run() {
    const FinishReason reason = write();
    Generation result = text_.finish(reason);
    timing_.decode_tokens = result.timing.decode_tokens;
    result.timing = timing_;
    return result;
  }

 private:
  FinishReason write() {
    if (const auto reason = text_.begin()) return *reason;
    if (!read_prompt()) return stopped_;
    const auto start = Clock::now();
    const FinishReason reason = go_on();
    timing_.decode_s = seconds_since(start);
    return reason;
  }

  bool read_prompt() {
    const size_t total = text_.history().size();
    const auto start = Clock::now();
    sequence_.truncate(0);
    const bool whole = read(text_.history(), [this, total] {
      if (options_.on_prefill) options_.on_prefill(static_cast<size_t>(sequence_.length()), total);
    });
    if (options_.on_prefill) options_.on_prefill(total, total);
    timing_.prefill_s = seconds_since(start);
    timing_.prefill_tokens = sequence_.length();
    return whole;
  }

  FinishReason go_on() {
    while (true) {
      if (const auto reason = text_.stop()) return *reason;
      const auto candidates = text_.likeliest(logits_, most_);
      const bool one = candidates.size() == 1;
      const size_t best = one ? 0 : look_ahead(candidates);
      if (const auto reason = text_.take(candidates[best].id, logits_)) return *reason;
      if (!one) adopt(best);
      if (const auto reason = text_.append_forced()) return *reason;
      const auto unread = text_.history().subspan(static_cast<size_t>(sequence_.length()));
      if (!unread.empty() && !read(unread, [] {})) return stopped_;
    }
  }

  // Reads what there is no choice about, with its hidden states and the logits after it; false where it ended early.
  bool read(std::span<const TokenId> tokens, const std::function<void()>& on_block) {
    const Span span{&sequence_, tokens, Span::Logits::All};
    bool stopped = false;
    const auto keep = [&](std::span<const Wanted> wanted) {
      keep_states(wanted, read_);
      if (wanted.back().token + 1 == tokens.size()) read_out(wanted.back().row);
    };
    model_.implementation().step({&span, 1}, keep, [&] {
      on_block();
      const auto reason = text_.stop();
      if (reason) stopped_ = *reason;
      return stopped = reason.has_value();
    });
    return !stopped;
  }

  // Reads all candidates in one step, each after the same text, and gives the best one's place.
  size_t look_ahead(std::span<const WrittenText::LikelyToken> candidates) {
    const size_t count = candidates.size();
    forks_.clear();
    spans_.clear();
    looked_at_.clear();
    streams_.clear();
    for (size_t i = 0; i < count; i++) forks_.push_back(sequence_.fork(sequence_.length()));
    for (size_t i = 0; i < count; i++) spans_.push_back({&forks_[i], {&candidates[i].id, 1}, Span::Logits::Last});
    const auto keep = [this](std::span<const Wanted> wanted) {
      keep_states(wanted, looked_at_);
      for (const Wanted& w : wanted) {
        const float* stream = forward_.stream(w.row);
        streams_.insert(streams_.end(), stream, stream + model_.hidden_size());
      }
    };
    model_.implementation().step(spans_, keep, {});

    scores_.resize(count);
    model_.share_out(static_cast<int64_t>(count), [&](int64_t index) {
      const auto i = static_cast<size_t>(index);
      const double alike = read_.most_alike(looked_at_, i);
      scores_[i] = (1 - alpha_) * candidates[i].probability - alpha_ * alike;
    });
    return static_cast<size_t>(std::max_element(scores_.begin(), scores_.end()) - scores_.begin());
  }

  // Goes on from a candidate: it is read already, and only its logits are wanted.
  void adopt(size_t index) {
    sequence_ = std::move(forks_[index]);
    forks_.clear();
    read_.add(looked_at_, index);
    const auto hidden = static_cast<size_t>(model_.hidden_size());
    std::copy_n(streams_.data() + index * hidden, hidden, forward_.stream(0));
    read_out(0);
  }

  void keep_states(std::span<const Wanted> wanted, Directions& to) {
    rows_.clear();
    for (const Wanted& w : wanted) rows_.push_back(w.row);
    states_.resize(rows_.size() * static_cast<size_t>(forward_.final_dims()));
    forward_.hidden_states(rows_, states_.data());
    to.add(states_);
  }

  void read_out(int64_t row) {
    const float* logits = forward_.logits({&row, 1});
    logits_.assign(logits, logits + model_.vocabulary_size());
  }

  Model& model_;
  Forward& forward_;
  Sequence& sequence_;
  const GenerateOptions& options_;
  const double alpha_;
  const size_t most_;
  WrittenText text_;
  GenerateTiming timing_;
  FinishReason stopped_ = FinishReason::Interrupted;  // why reading ended early

  Directions read_;            // of all tokens of the text
  std::vector<float> logits_;  // after them
  // Of the candidates.
  std::vector<Sequence> forks_;
  std::vector<Span> spans_;
  Directions looked_at_;
  std::vector<float> streams_;  // [candidates][hidden]
  std::vector<double> scores_;
  // Of a batch.
  std::vector<int64_t> rows_;
  std::vector<float> states_;
};

void check(const ContrastiveSearch& search) {
  if (!(search.penalty_alpha >= 0 && search.penalty_alpha <= 1))
    throw Error({.what = "contrastive search: its penalty is out of its range",
                 .where = "penalty_alpha",
                 .expected = "0 to 1",
                 .found = std::to_string(search.penalty_alpha)});
  if (search.top_k < 1)
    throw Error({.what = "contrastive search needs candidates",
                 .where = "top_k",
                 .expected = "at least 1",
                 .found = std::to_string(search.top_k)});
}

}  // namespace

Generation search_contrastively(Model& model, const Tokenizer* tokenizer, Sequence& sequence,
                                std::span<const TokenId> prompt, const GenerateOptions& options,
                                const OnText& on_text) {
  check(*options.contrastive);
  if (options.dola) throw Error({.what = "contrastive search and DoLa do not go together"});
  check_prompt(sequence.capacity(), prompt);
  GenerateOptions own = options;
  own.sampling = without_draw(own.sampling);
  return Search(model, tokenizer, sequence, prompt, own, on_text).run();
}

}  // namespace foretell
