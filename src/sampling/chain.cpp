#include <algorithm>

#include "foretell/sampling.h"
#include "sampling/parameters.h"
#include "sampling/samplers.h"

namespace foretell {
namespace {

const SamplerKind& find_kind(const std::string& name) {
  for (const SamplerKind& kind : sampler_kinds()) {
    if (kind.name == name) return kind;
  }
  std::string known;
  for (const SamplerKind& kind : sampler_kinds()) known += (known.empty() ? "" : ", ") + std::string(kind.name);
  throw Error(
      {.what = "unknown sampler", .where = "samplers", .expected = "some of " + known, .found = "\"" + name + "\""});
}

std::vector<const SamplerKind*> kinds_in_order(const SamplingOptions& options) {
  using Group = SamplerKind::Group;
  std::vector<const SamplerKind*> order;
  const auto has = [&](const SamplerKind& kind) { return std::find(order.begin(), order.end(), &kind) != order.end(); };
  for (const std::string& name : options.order) {
    const SamplerKind& kind = find_kind(name);
    if (has(kind)) throw Error({.what = "a sampler is named twice", .where = "samplers", .found = "\"" + name + "\""});
    order.push_back(&kind);
  }
  const size_t named = order.size();
  for (const SamplerKind& kind : sampler_kinds()) {
    const bool wanted = options.order.empty()             ? options.mirostat == 0 || kind.group != Group::Cut
                        : kind.group == Group::Constraint ? !has(kind)
                                                          : false;
    if (wanted) order.push_back(&kind);
  }
  std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(named), order.end());
  // Greedy is greedy, whatever else runs: an order that leaves the temperature out does not turn it into a draw.
  if (const SamplerKind& temp = find_kind("temp"); options.temperature == 0 && !has(temp)) order.push_back(&temp);
  return order;
}

}  // namespace

SamplerChain::SamplerChain(const SamplingOptions& options) : seed_(options.seed ? *options.seed : random_seed()) {
  check_ranges(options);
  for (const SamplerKind* kind : kinds_in_order(options)) {
    if (auto sampler = kind->make(options)) samplers_.push_back(std::move(sampler));
  }
}

Candidates& SamplerChain::apply(std::span<const float> logits, std::span<const TokenId> history, size_t prompt_length,
                                const Observer& observer, std::span<const uint64_t> allowed) {
  candidates_.assign(logits, allowed);
  position_ = history.size();
  if (observer) observer("logits", candidates_);
  const SamplingState state{history, prompt_length, seed_};
  for (const auto& sampler : samplers_) {
    sampler->apply(candidates_, state);
    if (observer) observer(sampler->name(), candidates_);
  }
  return candidates_;
}

Draw SamplerChain::draw() {
  const Candidates::Weights weights = candidates_.weights();
  Draw draw;
  draw.random = uniform_random(seed_, position_, 0);
  const double target = draw.random * weights.total;
  double before = 0, reached = 0;
  size_t chosen = 0;
  for (size_t i = 0; i < weights.values.size() && reached <= target; i++) {
    if (weights.values[i] == 0) continue;  // an exponential that underflowed is never drawn
    chosen = i;  // where rounding keeps the sum from passing the target, the last one is taken
    before = reached;
    reached += weights.values[i];
  }
  draw.id = candidates_.id(chosen);
  draw.probability = weights.probability(chosen);
  draw.from = before / weights.total;
  draw.to = std::min(1.0, reached / weights.total);
  for (const auto& sampler : samplers_) sampler->accept(draw);
  return draw;
}

Draw SamplerChain::sample(std::span<const float> logits, std::span<const TokenId> history, size_t prompt_length,
                          std::span<const uint64_t> allowed) {
  apply(logits, history, prompt_length, {}, allowed);
  return draw();
}

}  // namespace foretell
