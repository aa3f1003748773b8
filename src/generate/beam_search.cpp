#include "foretell/beam_search.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/exact_math.h"
#include "generate/beam_group.h"
#include "generate/check_prompt.h"
#include "generate/text_stream.h"
#include "generate/written_text.h"
#include "sampling/parameters.h"
#include "sampling/selection.h"

namespace foretell {
namespace {

void check_options(const GenerateOptions& options, const BeamOptions& beams) {
  const auto refuse = [](const char* where, const std::string& expected, const std::string& found) {
    throw Error({.what = "a beam search cannot be made so", .where = where, .expected = expected, .found = found});
  };
  const std::string count = std::to_string(beams.beams);
  if (beams.beams < 1) refuse("beams", "at least 1", count);
  if (beams.num < 1 || beams.num > beams.beams)
    refuse("num", "1 to " + count + ", the number of beams", std::to_string(beams.num));
  if (beams.groups < 1 || beams.beams % beams.groups != 0)
    refuse("groups", "a divisor of " + count + ", the number of beams", std::to_string(beams.groups));
  if (!std::isfinite(beams.diversity_penalty) || beams.diversity_penalty < 0)
    refuse("diversity_penalty", "a number of at least 0", std::to_string(beams.diversity_penalty));
  if (!std::isfinite(beams.length_penalty)) refuse("length_penalty", "a number", std::to_string(beams.length_penalty));
  if (options.constraint != nullptr) refuse("constraint", "none", "one");
  if (!options.taken_back.ids.empty()) refuse("taken_back", "nothing", "some tokens");
  if (options.logprobs >= 0) refuse("logprobs", "none", std::to_string(options.logprobs));
}

class BeamSearch {
 public:
  BeamSearch(Model& model, const Tokenizer* tokenizer, Sequence& sequence, std::span<const TokenId> prompt,
             const GenerateOptions& options, const BeamOptions& beams)
      : model_(model),
        tokenizer_(tokenizer),
        sequence_(sequence),
        prompt_(prompt),
        options_(options),
        beam_options_(beams),
        sampling_(without_draw(sampling_of(options))),
        rules_(rules()) {}

  std::vector<BeamText> run() {
    if (rules_.limit <= 0) {
      only_result_ = {.ids = {}, .score = 0, .reason = rules_.at_limit};
      return texts();
    }
    if (!read_prompt()) return texts();
    const auto start = Clock::now();
    while (select()) {
      if (const auto reason = stop()) {
        for (BeamGroup& group : groups_) group.end_as_they_are(*reason);
        break;
      }
      read_last();
      if (beam_options_.on_step) beam_options_.on_step(generated_);
    }
    timing_.decode_s = seconds_since(start);
    timing_.decode_tokens = generated_;
    return texts();
  }

 private:
  // What looks at one beam's next tokens, on a thread of its own.
  struct Judge {
    explicit Judge(const SamplingOptions& sampling) : chain(sampling) {}
    SamplerChain chain;
    std::vector<float> logprobs;
    std::vector<BeamContinuation> best;
  };

  BeamRules rules() const {
    const int64_t room = sequence_.capacity() - static_cast<int64_t>(prompt_.size());
    BeamRules rules{.width = static_cast<size_t>(beam_options_.beams / beam_options_.groups),
                    .prompt = prompt_.size(),
                    .limit = std::min(options_.max_tokens, room),
                    .at_limit = room < options_.max_tokens ? FinishReason::Context : FinishReason::Length,
                    .length_penalty = beam_options_.length_penalty,
                    .early_stopping = beam_options_.early_stopping,
                    .end_ids = sampling_.end_ids,
                    .has_stop_text = {}};
    if (options_.stop.empty()) return rules;
    rules.has_stop_text = [this](std::span<const TokenId> ids) {
      TextStream stream(tokenizer_, prompt_, options_, no_listener_);
      return !std::all_of(ids.begin(), ids.end(), [&](TokenId id) { return stream.push(id); });
    };
    return rules;
  }

  // Interrupted, or out of time.
  std::optional<FinishReason> stop() {
    if (options_.interrupted && options_.interrupted()) return FinishReason::Interrupted;
    out_of_time_ = options_.max_seconds > 0 && seconds_since(start_) >= options_.max_seconds;
    if (out_of_time_) return FinishReason::Length;
    return {};
  }

  // False where it ended early.
  bool read_prompt() {
    sequence_.truncate(std::min(sequence_.length(), static_cast<int64_t>(prompt_.size()) - 1));
    const int64_t known = sequence_.length();
    const auto unread = prompt_.subspan(static_cast<size_t>(known));
    const auto told = [&] {
      if (options_.on_prefill) options_.on_prefill(static_cast<size_t>(sequence_.length() - known), unread.size());
    };
    std::optional<FinishReason> stopped;
    const auto stopping = [&] {
      told();
      stopped = stop();
      return stopped.has_value();
    };
    const Span span{&sequence_, unread, Span::Logits::Last};
    bool read = false;
    const auto on_logits = [&](size_t, size_t, std::span<const float> logits) {
      for (int64_t i = 0; i < beam_options_.groups; i++) normalize(logits, judges_.emplace_back(sampling_));
      read = true;
    };
    model_.step({&span, 1}, on_logits, stopping);
    told();
    timing_.prefill_s = seconds_since(start_);
    timing_.prefill_tokens = sequence_.length() - known;
    if (!read) {
      only_result_ = {.ids = {}, .score = 0, .reason = stopped.value_or(FinishReason::Interrupted)};
      return false;
    }
    for (int64_t i = 0; i < beam_options_.groups; i++)
      groups_.emplace_back(rules_, Beam{sequence_.fork(sequence_.length()), {prompt_.begin(), prompt_.end()}, 0});
    return true;
  }

  // The last token of every beam, in one step.
  void read_last() {
    spans_.clear();
    for (BeamGroup& group : groups_) {
      for (Beam& beam : group.beams())
        spans_.push_back({&beam.sequence, std::span(beam.history).last(1), Span::Logits::Last});
    }
    while (judges_.size() < spans_.size()) judges_.emplace_back(sampling_);
    logits_.clear();
    size_t first = 0;
    model_.step(spans_, [&](size_t index, size_t, std::span<const float> logits) {
      logits_.push_back(logits);
      if (logits_.size() < Model::logits_kept && index + 1 < spans_.size()) return;
      const auto work = [&](int64_t i) {
        const auto at = static_cast<size_t>(i);
        normalize(logits_[at], judges_[first + at]);
      };
      model_.share_out(static_cast<int64_t>(logits_.size()), work);
      first = index + 1;
      logits_.clear();
    });
  }

  static void normalize(std::span<const float> logits, Judge& judge) {
    const double total = log_sum_exp(logits);
    judge.logprobs.resize(logits.size());
    for (size_t i = 0; i < logits.size(); i++) judge.logprobs[i] = static_cast<float>(logits[i] - total);
  }

  // Lets every group go on, one after the other. False where the search is at its end.
  bool select() {
    generated_++;
    std::vector<TokenId> taken;  // by the groups before
    size_t first = 0;
    for (BeamGroup& group : groups_) {
      const size_t count = group.beams().size();
      if (count == 0) continue;
      const std::span<Judge> judges(judges_.data() + first, count);
      const auto work = [&](int64_t i) { judge(group, static_cast<size_t>(i), judges[static_cast<size_t>(i)], taken); };
      model_.share_out(static_cast<int64_t>(count), work);
      std::vector<BeamContinuation> all;
      for (const Judge& judge : judges) all.insert(all.end(), judge.best.begin(), judge.best.end());
      group.go_on(std::move(all));
      taken.insert(taken.end(), group.taken().begin(), group.taken().end());
      first += count;
    }
    return std::any_of(groups_.begin(), groups_.end(), [](BeamGroup& group) { return !group.beams().empty(); });
  }

  // The best continuations of one beam.
  void judge(BeamGroup& group, size_t index, Judge& judge, std::span<const TokenId> taken) const {
    const auto penalty = static_cast<float>(beam_options_.diversity_penalty);
    for (const TokenId id : taken) judge.logprobs[static_cast<size_t>(id)] -= penalty;
    const Beam& beam = group.beams()[index];
    const Candidates& candidates = judge.chain.apply(judge.logprobs, beam.history, prompt_.size());
    judge.best.clear();
    for (const TokenId place : most_probable(candidates.logits(), rules_.considered())) {
      const auto [id, logprob] = candidates[static_cast<size_t>(place)];
      judge.best.push_back({index, id, beam.sum + static_cast<double>(logprob)});
    }
  }

  std::vector<BeamText> texts() const {
    std::vector<BeamResult> results;
    if (only_result_) results.push_back(*only_result_);
    for (const BeamGroup& group : groups_)
      results.insert(results.end(), group.results().begin(), group.results().end());
    std::stable_sort(results.begin(), results.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    results.resize(std::min(results.size(), static_cast<size_t>(beam_options_.num)));
    std::vector<BeamText> texts;
    for (const BeamResult& result : results) texts.push_back(text_of(result));
    return texts;
  }

  BeamText text_of(const BeamResult& result) const {
    TextStream stream(tokenizer_, prompt_, options_, no_listener_);
    for (const TokenId id : result.ids) (void)stream.push(id);
    stream.finish();
    BeamText text;
    text.score = result.score;
    text.generation.ids = result.ids;
    text.generation.ids.resize(stream.ids_in_text());
    text.generation.text = stream.text();
    text.generation.finish_reason = result.reason;
    text.generation.out_of_time = out_of_time_ && result.reason == FinishReason::Length;
    text.generation.timing = timing_;
    return text;
  }

  Model& model_;
  const Tokenizer* tokenizer_;
  Sequence& sequence_;
  const std::span<const TokenId> prompt_;
  const GenerateOptions& options_;
  const BeamOptions& beam_options_;
  const SamplingOptions sampling_;
  const BeamRules rules_;
  const Clock::time_point start_ = Clock::now();
  const OnText no_listener_ = {};

  std::vector<BeamGroup> groups_;
  std::vector<Judge> judges_;                   // of each beam, group by group
  std::vector<Span> spans_;                     // of the step in hand
  std::vector<std::span<const float>> logits_;  // that came of it and were not looked at
  std::optional<BeamResult> only_result_;       // where nothing was searched
  int64_t generated_ = 0;                       // tokens of each beam
  GenerateTiming timing_;
  bool out_of_time_ = false;
};

}  // namespace

std::vector<BeamText> beam_search(Model& model, const Tokenizer* tokenizer, Sequence& sequence,
                                  std::span<const TokenId> prompt, const GenerateOptions& options,
                                  const BeamOptions& beams) {
  check_prompt(sequence.capacity(), prompt);
  check_options(options, beams);
  return BeamSearch(model, tokenizer, sequence, prompt, options, beams).run();
}

}  // namespace foretell
