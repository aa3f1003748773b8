// Direct logit attribution (Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021): with every norm
// frozen the logit is a sum over all that was ever added to the stream. A direction in which the stream is read is
// carried from the unembedding back to the embedding; what a part added, along it, is what the part gives to the logit.
#include <cmath>

#include "model/padding.h"
#include "trace/tracer_implementation.h"

namespace foretell {
namespace {

using Direction = std::vector<double>;

double along(const Direction& d, const auto& x) {
  double sum = 0;
  for (size_t i = 0; i < d.size(); i++) sum += d[i] * static_cast<double>(x[i]);
  return sum;
}

// direction of linear(x) -> direction of x; what the bias gives is added to `bias`.
Direction back_through(const Linear& linear, const Direction& d, double& bias) {
  Direction result(static_cast<size_t>(linear.weight.cols));
  std::vector<float> row(result.size());
  for (int64_t i = 0; i < linear.weight.rows; i++) {
    unpack_row(linear.weight, i, row.data());
    for (size_t j = 0; j < row.size(); j++) result[j] += d[static_cast<size_t>(i)] * row[j];
    if (linear.bias.size() > 0) bias += d[static_cast<size_t>(i)] * linear.bias[i];
  }
  return result;
}

// The same for a norm whose scale is that of `x`, [n].
Direction back_through(const NormSpec& spec, const Norm& norm, const float* x, const Direction& d, double& bias) {
  const bool centers = spec.kind == NormSpec::Kind::Layer;
  const size_t n = d.size();
  double mean = 0, squares = 0;
  for (size_t i = 0; i < n; i++) mean += centers ? static_cast<double>(x[i]) / static_cast<double>(n) : 0;
  for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
  const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(spec.epsilon));
  Direction result(n);
  double middle = 0;
  for (size_t i = 0; i < n; i++) {
    const auto at = static_cast<int64_t>(i);
    result[i] = d[i] * norm.weight[at] * scale;
    middle += centers ? result[i] / static_cast<double>(n) : 0;
    if (centers && norm.bias.size() > 0) bias += d[i] * norm.bias[at];
  }
  for (double& r : result) r -= middle;
  return result;
}

class Walk {
 public:
  Walk(const ModelSpec& spec, const Weights& weights, const Trace& trace)
      : spec_(spec), weights_(weights), trace_(trace), direction_(static_cast<size_t>(spec.hidden)) {}

  void start(TokenId token, double sign);
  void layer(size_t index);
  void embedding();
  Attribution finish(double total) {
    parts_.push_back({"biases", bias_});
    return {{parts_.rbegin(), parts_.rend()}, total};
  }

 private:
  // The last token's stream after a layer; before the first for -1.
  const float* stream(size_t layers_done) const {
    const auto& all = layers_done == 0 ? trace_.embedded : trace_.layers[layers_done - 1].stream;
    return all.data() + all.size() - static_cast<size_t>(spec_.hidden);
  }
  void mixer(size_t index);

  const ModelSpec& spec_;
  const Weights& weights_;
  const Trace& trace_;
  Direction direction_;
  double bias_ = 0;
  std::vector<Contribution> parts_;  // backwards
};

// Adds the direction of a token's logit.
void Walk::start(TokenId token, double sign) {
  const double logit = trace_.logits[static_cast<size_t>(token)];
  double factor = sign * spec_.logit_scale;
  if (spec_.logit_cap > 0) {
    const double ratio = logit / spec_.logit_cap;
    factor *= ratio == 0 ? 1 : ratio / std::atanh(ratio);
  }
  const Linear& unembedding = weights_.unembedding;
  std::vector<float> row(static_cast<size_t>(unembedding.weight.cols));
  unpack_row(unembedding.weight, token, row.data());
  Direction d(row.begin(), row.end());
  for (double& x : d) x *= factor;
  if (unembedding.bias.size() > 0) bias_ += factor * unembedding.bias[token];
  if (spec_.embedding_dim > 0) d = back_through(weights_.project_out, d, bias_);
  if (spec_.final_norm) d = back_through(*spec_.final_norm, weights_.final_norm, stream(spec_.layers.size()), d, bias_);
  for (size_t i = 0; i < d.size(); i++) direction_[i] += d[i];
}

void Walk::layer(size_t index) {
  const LayerSpec& spec = spec_.layers[index];
  const LayerWeights& w = weights_.layers[index];
  const LayerTrace& t = trace_.layers[index];
  const std::string name = "L" + std::to_string(index);
  if (w.output_scale != 1)
    for (double& x : direction_) x *= w.output_scale;
  if (spec.per_layer_input) parts_.push_back({name + ".Input", along(direction_, t.input_adds)});
  if (spec.mlp_sum) direction_ = back_through(*spec.mlp_sum, w.mlp_sum, t.mlp_sum.data(), direction_, bias_);
  parts_.push_back({name + ".MLP", along(direction_, t.mlp_adds)});
  const bool from_norm = spec.residual_from_norm;
  if (from_norm && spec.residual == LayerSpec::Residual::Sequential && spec.mlp_in)
    direction_ = back_through(*spec.mlp_in, w.mlp_in, t.mixer_sum.data(), direction_, bias_);
  if (spec.attn_sum) direction_ = back_through(*spec.attn_sum, w.attn_sum, t.mixer_sum.data(), direction_, bias_);
  mixer(index);
  if (from_norm && spec.attn_in) direction_ = back_through(*spec.attn_in, w.attn_in, stream(index), direction_, bias_);
}

void Walk::mixer(size_t index) {
  const LayerSpec& spec = spec_.layers[index];
  const LayerWeights& w = weights_.layers[index];
  const LayerTrace& t = trace_.layers[index];
  const std::string name = "L" + std::to_string(index);
  const Linear& output = attention_of(spec) != nullptr                  ? w.attention.output
                         : std::holds_alternative<DeltaNet>(spec.mixer) ? w.delta.output
                                                                        : w.convolution.output;
  double bias = 0;
  Direction d = direction_;
  if (spec.attn_out) d = back_through(*spec.attn_out, w.attn_out, t.mixer_block.data(), d, bias);
  for (double& x : d) x *= spec.residual_scale;
  const Direction gathered = back_through(output, d, bias);
  const MixerHeads heads = mixer_heads(spec_, spec);
  const bool one = std::holds_alternative<ShortConvolution>(spec.mixer);
  double all = bias;
  std::vector<Contribution> of_heads;
  for (int64_t h = 0; h < heads.count; h++) {
    double sum = 0;
    for (int64_t i = h * heads.dims; i < (h + 1) * heads.dims; i++)
      sum += gathered[static_cast<size_t>(i)] * t.mixed[static_cast<size_t>(i)];
    of_heads.push_back({name + (one ? ".Mixer" : ".H" + std::to_string(h)), sum});
    all += sum;
  }
  // An ablation took the whole mixer's place: no head added anything.
  const double added = along(direction_, t.mixer_adds);
  if (std::abs(added - all) > 1e-2 * (1 + std::abs(all))) of_heads = {{name + ".Mixer", added}}, bias = 0;
  bias_ += bias;
  parts_.insert(parts_.end(), of_heads.rbegin(), of_heads.rend());
}

// embedding = norm(project_in(embedding of the token) + embedding of the position)
void Walk::embedding() {
  const auto position = static_cast<int64_t>(trace_.tokens.size()) - 1;
  const auto hidden = static_cast<size_t>(spec_.hidden);
  std::vector<float> place(hidden);
  if (spec_.positions) {
    const float* row = weights_.positions.data() + (position + spec_.positions->offset) * padded(spec_.hidden);
    place.assign(row, row + hidden);
  }
  if (spec_.embedding_norm) {
    std::vector<float> token(static_cast<size_t>(spec_.embedding_dim > 0 ? spec_.embedding_dim : spec_.hidden));
    if (weights_.tied) {
      unpack_row(weights_.unembedding.weight, trace_.tokens.back(), token.data());
    } else {
      weights_.embedding.read_row(trace_.tokens.back(), token.data());
    }
    for (size_t i = 0; i < hidden; i++) token[i] = token[i] * spec_.embedding_scale + place[i];
    direction_ = back_through(*spec_.embedding_norm, weights_.embedding_norm, token.data(), direction_, bias_);
    if (spec_.positions) parts_.push_back({"positions", along(direction_, place)});
    for (size_t i = 0; i < hidden; i++) token[i] -= place[i];
    parts_.push_back({"embedding", along(direction_, token)});
    return;
  }
  const double of_place = along(direction_, place);
  if (spec_.positions) parts_.push_back({"positions", of_place});
  std::vector<float> first(stream(0), stream(0) + hidden);
  parts_.push_back({"embedding", along(direction_, first) - of_place});
}

}  // namespace

Attribution Tracer::attribute(const Trace& trace, TokenId token, std::optional<TokenId> against) {
  const Implementation& m = *implementation_;
  Walk walk(m.spec, m.weights, trace);
  double total = trace.logits.at(static_cast<size_t>(token));
  walk.start(token, 1);
  if (against) {
    walk.start(*against, -1);
    total -= trace.logits.at(static_cast<size_t>(*against));
  }
  for (size_t i = m.spec.layers.size(); i-- > 0;) walk.layer(i);
  walk.embedding();
  return walk.finish(total);
}

}  // namespace foretell
