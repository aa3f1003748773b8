// Activation patching (Meng et al., arXiv:2202.05262): which part of one run turns another's answer into its own.
#include <algorithm>
#include <numeric>

#include "trace/tracer_implementation.h"

namespace foretell {
namespace {

double difference(std::span<const float> logits, const Patching& p) {
  return static_cast<double>(logits[static_cast<size_t>(p.answer)]) - logits[static_cast<size_t>(p.other_answer)];
}

void check_same_length(size_t tokens, size_t other) {
  if (tokens == other) return;
  throw Error({.what = "the two prompts have not as many tokens, so their positions do not belong together",
               .expected = std::to_string(tokens) + " tokens, as the first",
               .found = std::to_string(other),
               .hint = "foretell tokenize shows how a prompt is cut; replace words by others of as many tokens"});
}

}  // namespace

Patching Tracer::patch(std::span<const TokenId> tokens, std::span<const TokenId> other, std::optional<TokenId> answer,
                       std::optional<TokenId> other_answer, const std::function<void(double)>& on_progress,
                       const std::function<bool()>& interrupted) {
  check_same_length(tokens.size(), other.size());
  const auto first_difference = std::mismatch(tokens.begin(), tokens.end(), other.begin()).first;
  if (first_difference == tokens.end()) throw Error({.what = "the two prompts have the same tokens"});
  Implementation& m = *implementation_;
  const Trace trace = run(tokens), other_trace = run(other);
  Patching result;
  result.answer = answer.value_or(trace.best());
  result.other_answer = other_answer.value_or(other_trace.best());
  if (result.answer == result.other_answer)
    throw Error({.what = "both prompts lead to the same token, so there is no answer to restore",
                 .hint = "name two tokens whose logits differ: --contrast A,B"});
  result.difference = difference(trace.logits, result);
  result.other_difference = difference(other_trace.logits, result);
  result.positions.resize(static_cast<size_t>(tokens.end() - first_difference));
  std::iota(result.positions.begin(), result.positions.end(), first_difference - tokens.begin());

  const size_t runs = trace.layers.size() * result.positions.size();
  for (size_t i = 0; i < runs; i++) {
    if (interrupted && interrupted()) break;
    const auto layer = static_cast<int64_t>(i / result.positions.size());
    const int64_t position = result.positions[i % result.positions.size()];
    const float* vector = trace.layers[static_cast<size_t>(layer)].stream.data() + position * trace.hidden;
    m.recorder.change = [&](int64_t after, float* rows, int64_t stride, int64_t count) {
      const int64_t row = position - m.recorder.start;
      if (after == layer && row >= 0 && row < count) std::copy_n(vector, trace.hidden, rows + row * stride);
    };
    const int64_t last = m.read(other, {});
    m.recorder.change = {};
    const double whole = result.difference - result.other_difference;
    const double gained = difference(m.logits(last), result) - result.other_difference;
    result.restored.push_back(whole == 0 ? 0 : gained / whole);
    if (on_progress) on_progress(static_cast<double>(i + 1) / static_cast<double>(runs));
  }
  return result;
}

}  // namespace foretell
