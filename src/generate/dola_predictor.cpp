#include "generate/dola_predictor.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/exact_math.h"
#include "model/implementation.h"
#include "sampling/softmax.h"

namespace foretell {
namespace {

constexpr double relative_top = 0.1;  // of the best token's probability

struct Distribution {
  explicit Distribution(std::span<const float> logits) : weights(logits.size()) {
    const double best = largest(logits);
    total = exponentials(logits, best, weights.data());
    log_total = best + exact_log(total);
  }
  double probability(size_t i) const { return weights[i] / total; }

  std::vector<double> weights;  // exp(logit - best)
  double total = 0, log_total = 0;
};

// Jensen and Shannon's divergence as transformers has it, from the mean m to p and to q: the sum of
// m (2 log m - log p - log q) / 2, over all tokens.
double divergence(std::span<const float> p_logits, const Distribution& p, std::span<const float> q_logits,
                  const Distribution& q) {
  double sum = 0;
  for (size_t i = 0; i < p_logits.size(); i++) {
    const double mean = (p.probability(i) + q.probability(i)) / 2;
    if (mean > 0) sum += mean * (2 * exact_log(mean) - (p_logits[i] - p.log_total) - (q_logits[i] - q.log_total));
  }
  return sum / 2;
}

}  // namespace

std::vector<int64_t> premature_layers(const DolaLayers& wanted, int64_t layers, bool tied) {
  std::vector<int64_t> chosen;
  const auto every_other = [&](int64_t first, int64_t end) {
    for (int64_t i = first; i < end; i += 2) chosen.push_back(i);
  };
  const int64_t half = layers / 2, first = !tied || layers < 2 ? 0 : layers == 2 ? 1 : 2;
  switch (wanted.part) {
    case DolaLayers::Part::Low:
      first == half ? chosen.push_back(first) : every_other(first, layers <= 40 ? half : 20);
      break;
    case DolaLayers::Part::High:
      every_other(layers <= 40 ? half : layers - 20, layers);
      break;
    case DolaLayers::Part::Listed:
      for (const int64_t layer : wanted.listed) {
        if (layer < 0)
          throw Error({.what = "DoLa: there is no such layer",
                       .expected = "0 to " + std::to_string(layers - 1),
                       .found = std::to_string(layer)});
        if (layer < layers) chosen.push_back(layer);
      }
      break;
  }
  if (chosen.empty())
    throw Error({.what = "DoLa: the model has none of these layers before its last",
                 .expected = "some of 0 to " + std::to_string(layers - 1),
                 .hint = "--dola-layers high, or a list"});
  return chosen;
}

size_t contrast_layers(std::span<const float> last, std::span<const std::vector<float>> earlier, std::span<float> out,
                       const ShareOut& share_out) {
  const Distribution mature(last);
  std::vector<double> log_totals(earlier.size()), divergences(earlier.size());
  share_out(static_cast<int64_t>(earlier.size()), [&](int64_t index) {
    const auto i = static_cast<size_t>(index);
    const Distribution premature(earlier[i]);
    log_totals[i] = premature.log_total;
    if (earlier.size() > 1) divergences[i] = divergence(last, mature, earlier[i], premature);
  });
  const auto taken =
      static_cast<size_t>(std::max_element(divergences.begin(), divergences.end()) - divergences.begin());
  const double least = largest(last) - mature.log_total + exact_log(relative_top);
  for (size_t i = 0; i < last.size(); i++) {
    const double p = last[i] - mature.log_total, q = earlier[taken][i] - log_totals[taken];
    out[i] = p < least ? -std::numeric_limits<float>::infinity() : static_cast<float>(p - q);
  }
  return taken;
}

DolaPredictor::DolaPredictor(Model& model, Sequence& sequence, const DolaLayers& wanted)
    : model_(model),
      sequence_(sequence),
      layers_(premature_layers(wanted, model.layers(), model.implementation().spec_.tied_embeddings)),
      earlier_(layers_.size()) {}

std::span<const float> DolaPredictor::read(std::span<const TokenId> tokens, const std::function<bool()>& stop) {
  struct Keeping {  // for this step only
    Keeping(Forward& f, std::span<const int64_t> layers) : forward(f) { forward.keep_streams(layers); }
    ~Keeping() { forward.keep_streams({}); }
    Forward& forward;
  };
  Model::Implementation& m = model_.implementation();
  const Keeping keeping(*m.forward_, layers_);
  const Span span{&sequence_, tokens, Span::Logits::Last};
  bool there = false;
  const auto read_out = [&](std::span<const Model::Implementation::Wanted> wanted) {
    unembed(wanted.back().row);
    there = true;
  };
  m.step({&span, 1}, read_out, stop);
  if (!there) return {};
  logits_.resize(last_.size());
  contrast_layers(last_, earlier_, logits_, [this](int64_t count, const auto& work) { model_.share_out(count, work); });
  return logits_;
}

// The logits of the last layer, and of the others.
void DolaPredictor::unembed(int64_t row) {
  Forward& forward = *model_.implementation().forward_;
  const auto size = model_.vocabulary_size();
  const float* logits = forward.logits({&row, 1});
  last_.assign(logits, logits + size);
  for (size_t first = 0; first < layers_.size(); first += Forward::max_logit_rows) {
    const size_t count = std::min<size_t>(Forward::max_logit_rows, layers_.size() - first);
    int64_t rows[Forward::max_logit_rows];
    for (size_t i = 0; i < count; i++) {
      rows[i] = static_cast<int64_t>(i);
      std::copy_n(forward.kept_stream(first + i), model_.hidden_size(), forward.stream(rows[i]));
    }
    logits = forward.early_logits({rows, count});
    for (size_t i = 0; i < count; i++, logits += forward.logits_stride())
      earlier_[first + i].assign(logits, logits + size);
  }
}

}  // namespace foretell
