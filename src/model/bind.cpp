#include <algorithm>
#include <string>

#include "base/exact_math.h"
#include "base/mapped_file.h"
#include "foretell/error.h"
#include "model/finder.h"
#include "model/packing_plan.h"
#include "model/padding.h"
#include "model/weights.h"

namespace foretell {
namespace {

// Binds what belongs to one layer (or, at Place{}, to none).
class Binder {
 public:
  Binder(const Finder& find, const ModelSpec& spec, PackingPlan& plan, Place place)
      : find_(find), spec_(spec), plan_(plan), place_(place) {}

  Binder of_expert(int64_t expert) const { return {find_, spec_, plan_, {place_.layer, expert}}; }

  Norm norm(Role role, const std::optional<NormSpec>& spec, int64_t size) const;
  Norm head_norm(Role role, const Attention& attention, int64_t heads) const;
  MatrixSource linear(Linear& target, Role role, const Rows& rows = {}) const {
    target.bias = find_.vector(place_, role, Part::Bias, rows);
    return find_.matrix(place_, role, rows);
  }
  void pack(Linear& target, Role role, const Rows& rows = {}) const {
    plan_.add({{linear(target, role, rows), &target.weight}});
  }
  void attention(const Attention& a, AttentionWeights& w) const;
  void latent(const LatentAttention& latent, AttentionWeights& w) const;
  void delta(const DeltaNet& d, DeltaWeights& w) const;
  void convolution(const ShortConvolution& c, ConvolutionWeights& w) const;
  struct MlpRoles {
    Role gate, up, gate_up, down;
  };
  void mlp(const Dense& mlp, const MlpRoles& roles, MlpWeights& w) const;
  void experts(const Experts& experts, LayerWeights& w) const;
  void layer(const LayerSpec& layer, LayerWeights& w) const;
  void ends(Weights& weights) const;

 private:
  const Finder& find_;
  const ModelSpec& spec_;
  PackingPlan& plan_;
  Place place_;
};

Norm Binder::norm(Role role, const std::optional<NormSpec>& spec, int64_t size) const {
  Norm norm;
  if (!spec) return norm;
  norm.weight = find_.vector(place_, role, Part::Weight);
  norm.bias = find_.vector(place_, role, Part::Bias);
  const bool stored = norm.weight.size() > 0;
  if (!stored) norm.weight = Vector(padded(size));
  if (norm.bias.size() == 0) norm.bias = Vector(norm.weight.size());
  if (!stored || spec->weight_plus_one)
    for (int64_t i = 0; i < size; i++) norm.weight[i] += 1;
  return norm;
}

// Of queries or keys.
Norm Binder::head_norm(Role role, const Attention& a, int64_t heads) const {
  using QkNorm = Attention::QkNorm;
  if (a.qk_norm == QkNorm::None) return {};
  if (a.qk_norm == QkNorm::Whole) return norm(role, a.qk_norm_spec, heads * a.head_dim);
  if (a.qk_norm == QkNorm::PerHead || !a.qk_norm_spec.weight) return norm(role, a.qk_norm_spec, a.head_dim);
  if (find_.has({place_.layer, 0}, role) && !find_.has(place_, role)) {  // a tensor for each head
    const int64_t stride = padded(a.head_dim);
    Norm all{.weight = Vector(heads * stride), .bias = Vector(heads * stride)};
    for (int64_t h = 0; h < heads; h++) {
      const Norm one = of_expert(h).norm(role, a.qk_norm_spec, a.head_dim);
      std::copy_n(one.weight.data(), stride, all.weight.data() + h * stride);
      std::copy_n(one.bias.data(), stride, all.bias.data() + h * stride);
    }
    return all;
  }
  Norm all{.weight = find_.table(place_, role, heads, a.head_dim), .bias = {}};
  all.bias = Vector(all.weight.size());
  return all;
}

// Where the queries, keys and values of one matrix stand.
struct FusedRows {
  Rows query, key, value;
  FusedRows(const Attention& a, bool by_group) {
    const int64_t group = a.heads / a.kv_heads, q = a.heads * a.head_dim, k = a.kv_heads * a.head_dim,
                  v = a.kv_heads * a.value_head_dim;
    const int64_t step = (group + 1) * a.head_dim + a.value_head_dim;
    query = by_group ? Rows{0, q, group * a.head_dim, step} : Rows{0, q};
    key = by_group ? Rows{group * a.head_dim, k, a.head_dim, step} : Rows{q, k};
    value = by_group ? Rows{(group + 1) * a.head_dim, v, a.value_head_dim, step} : Rows{q + k, v};
  }
};

void Binder::attention(const Attention& a, AttentionWeights& w) const {
  const bool own = a.kv_layer < 0;  // keys and values
  if (find_.has(place_, Role::QueryKeyValue)) {
    const FusedRows rows(a, spec_.storage.qkv_by_group);
    const MatrixSource query = linear(w.query, Role::QueryKeyValue, rows.query);
    const MatrixSource key = linear(w.key, Role::QueryKeyValue, rows.key);
    const MatrixSource value = linear(w.value, Role::QueryKeyValue, rows.value);
    plan_.add({{query, &w.query.weight}, {key, &w.key.weight}, {value, &w.value.weight}});
  } else if (a.gate) {
    const int64_t rows = a.heads * a.head_dim;
    pack(w.query, Role::QueryGate, {0, rows, a.head_dim, 2 * a.head_dim});
    pack(w.gate, Role::QueryGate, {a.head_dim, rows, a.head_dim, 2 * a.head_dim});
  } else {
    pack(w.query, Role::Query);
  }
  if (own && w.key.weight.rows == 0) {
    pack(w.key, Role::Key);
    pack(w.value, a.value_is_key ? Role::Key : Role::Value);
  }
  w.query_norm = head_norm(Role::QueryNorm, a, a.heads);
  if (own) w.key_norm = head_norm(Role::KeyNorm, a, a.kv_heads);
  if (a.value_norm) {
    w.value_norm.weight = Vector(padded(a.value_head_dim));
    std::fill_n(w.value_norm.weight.data(), a.value_head_dim, 1.0f);
    w.value_norm.bias = Vector(w.value_norm.weight.size());
  }
  w.sinks = find_.vector(place_, Role::Sinks, Part::Weight);
  pack(w.output, Role::Output);
}

void Binder::latent(const LatentAttention& latent, AttentionWeights& w) const {
  const Attention& a = latent.attention;
  if (latent.query_rank > 0) {
    pack(w.query_down, Role::QueryDown);
    w.query_down_norm = norm(Role::QueryDownNorm, latent.norm, latent.query_rank);
    pack(w.query, Role::QueryUp);
  } else {
    pack(w.query, Role::Query);
  }
  pack(w.kv_down, Role::KeyValueDown, {0, latent.kv_rank});
  pack(w.key_rotary, Role::KeyValueDown, {latent.kv_rank, a.head_dim - latent.plain_dims});
  w.kv_down_norm = norm(Role::KeyValueDownNorm, latent.norm, latent.kv_rank);
  const int64_t step = latent.plain_dims + a.value_head_dim;
  pack(w.key, Role::KeyValueUp, {0, a.heads * latent.plain_dims, latent.plain_dims, step});
  pack(w.value, Role::KeyValueUp, {latent.plain_dims, a.heads * a.value_head_dim, a.value_head_dim, step});
  pack(w.output, Role::Output);
}

// The taps of a convolution, [channels, kernel] as stored, with the channels side by side.
Vector taps_of(const Vector& stored, int64_t channels, int64_t kernel) {
  const int64_t stride = padded(channels);
  Vector taps(kernel * stride);
  for (int64_t c = 0; c < channels; c++)
    for (int64_t k = 0; k < kernel; k++) taps[k * stride + c] = stored[c * kernel + k];
  return taps;
}

void Binder::delta(const DeltaNet& d, DeltaWeights& w) const {
  const int64_t keys = d.key_heads * d.key_dim, values = d.value_heads * d.value_dim;
  if (find_.has(place_, Role::DeltaQueryKeyValueGate)) {  // by key heads
    const int64_t group = d.value_heads / d.key_heads, run = group * d.value_dim, step = 2 * (d.key_dim + run);
    pack(w.query, Role::DeltaQueryKeyValueGate, {0, keys, d.key_dim, step});
    pack(w.key, Role::DeltaQueryKeyValueGate, {d.key_dim, keys, d.key_dim, step});
    pack(w.value, Role::DeltaQueryKeyValueGate, {2 * d.key_dim, values, run, step});
    pack(w.gate, Role::DeltaQueryKeyValueGate, {2 * d.key_dim + run, values, run, step});
    pack(w.beta, Role::DeltaBetaDecay, {0, d.value_heads, group, 2 * group});
    pack(w.decay, Role::DeltaBetaDecay, {group, d.value_heads, group, 2 * group});
  } else {
    pack(w.query, Role::DeltaQueryKeyValue, {0, keys});
    pack(w.key, Role::DeltaQueryKeyValue, {keys, keys});
    pack(w.value, Role::DeltaQueryKeyValue, {2 * keys, values});
    pack(w.gate, Role::DeltaGate);
    pack(w.beta, Role::DeltaBeta);
    pack(w.decay, Role::DeltaDecay);
  }
  // The channels have the padding of the three projections' outputs.
  const Vector stored = find_.vector(place_, Role::DeltaConvolution, Part::Weight);
  const int64_t key_stride = padded(keys), stride = 2 * key_stride + padded(values);
  w.taps = Vector(d.kernel * stride);
  for (int64_t c = 0; c < 2 * keys + values; c++) {
    const int64_t channel = c < keys ? c : c < 2 * keys ? c - keys + key_stride : c - 2 * keys + 2 * key_stride;
    for (int64_t k = 0; k < d.kernel; k++) w.taps[k * stride + channel] = stored[c * d.kernel + k];
  }
  w.rate = find_.vector(place_, Role::DeltaRate, Part::Weight);
  w.time_bias = find_.vector(place_, Role::DeltaTimeBias, Part::Weight);
  w.norm = norm(Role::DeltaNorm, d.norm, d.value_dim);
  pack(w.output, Role::DeltaOutput);
}

void Binder::convolution(const ShortConvolution& c, ConvolutionWeights& w) const {
  const int64_t hidden = spec_.hidden;
  pack(w.b, Role::ConvolutionIn, {0, hidden});
  pack(w.c, Role::ConvolutionIn, {hidden, hidden});
  pack(w.x, Role::ConvolutionIn, {2 * hidden, hidden});
  w.taps = taps_of(find_.vector(place_, Role::ConvolutionKernel, Part::Weight), hidden, c.kernel);
  w.bias = find_.vector(place_, Role::ConvolutionKernel, Part::Bias);
  pack(w.output, Role::ConvolutionOut);
}

void Binder::mlp(const Dense& mlp, const MlpRoles& roles, MlpWeights& w) const {
  const bool fused = mlp.gated && find_.has(place_, roles.gate_up);
  const int64_t n = mlp.intermediate;
  const Rows gate_rows = !fused ? Rows{} : spec_.storage.gate_up_interleaved ? Rows{0, n, 1, 2} : Rows{0, n};
  const Rows up_rows = !fused ? Rows{} : spec_.storage.gate_up_interleaved ? Rows{1, n, 1, 2} : Rows{n, n};
  std::vector<std::pair<MatrixSource, PackedMatrix*>> matrices;
  if (mlp.gated) matrices.emplace_back(linear(w.gate, fused ? roles.gate_up : roles.gate, gate_rows), &w.gate.weight);
  matrices.emplace_back(linear(w.up, fused ? roles.gate_up : roles.up, up_rows), &w.up.weight);
  plan_.add(matrices, mlp.gated);
  pack(w.down, roles.down);
  if (mlp.activation != Activation::XIelu) return;
  // What is learned goes through softplus; alpha_n counts from beta.
  const auto softplus = [](float x) { return static_cast<float>(exact_log(1 + exact_exp(x))); };
  w.xielu.beta = find_.number(place_, Role::XIeluBeta, w.xielu.beta);
  w.xielu.eps = find_.number(place_, Role::XIeluEps, w.xielu.eps);
  w.xielu.alpha_p = softplus(find_.vector(place_, Role::XIeluAlphaP, Part::Weight)[0]);
  w.xielu.alpha_n = w.xielu.beta + softplus(find_.vector(place_, Role::XIeluAlphaN, Part::Weight)[0]);
}

void Binder::experts(const Experts& experts, LayerWeights& w) const {
  pack(w.experts.router, Role::Router);
  w.experts.correction = find_.vector(place_, Role::RouterCorrection, Part::Weight);
  w.experts.experts.resize(static_cast<size_t>(experts.count));
  for (int64_t e = 0; e < experts.count; e++)
    of_expert(e).mlp(experts.expert, {Role::ExpertGate, Role::ExpertUp, Role::ExpertGateUp, Role::ExpertDown},
                     w.experts.experts[static_cast<size_t>(e)]);
  if (experts.shared)
    mlp(*experts.shared, {Role::SharedGate, Role::SharedUp, Role::SharedGateUp, Role::SharedDown}, w.mlp);
  if (experts.shared_gate) pack(w.experts.shared_gate, Role::SharedExpertGate);
  w.experts.scales = find_.vector(place_, Role::ExpertScales, Part::Weight);
  if (!experts.branches) return;
  const Experts::Branches& branches = *experts.branches;
  w.experts.router_in = norm(Role::RouterNorm, branches.router_in, spec_.hidden);
  for (int64_t i = 0; i < spec_.hidden; i++) w.experts.router_in.weight[i] *= branches.router_scale;
  w.experts.expert_in = norm(Role::ExpertNorm, branches.expert_in, spec_.hidden);
  w.experts.expert_out = norm(Role::ExpertOutNorm, branches.expert_out, spec_.hidden);
  w.experts.shared_out = norm(Role::SharedOutNorm, branches.shared_out, spec_.hidden);
}

void Binder::layer(const LayerSpec& layer, LayerWeights& w) const {
  const int64_t hidden = spec_.hidden;
  plan_.begin(true);
  w.attn_in = norm(Role::AttentionNorm, layer.attn_in, hidden);
  w.attn_out = norm(Role::AttentionOutNorm, layer.attn_out, hidden);
  w.attn_sum = norm(Role::AttentionSumNorm, layer.attn_sum, hidden);
  w.mlp_in = norm(Role::MlpNorm, layer.mlp_in, hidden);
  w.mlp_out = norm(Role::MlpOutNorm, layer.mlp_out, hidden);
  w.mlp_sum = norm(Role::MlpSumNorm, layer.mlp_sum, hidden);
  if (const auto* a = std::get_if<Attention>(&layer.mixer)) attention(*a, w.attention);
  if (const auto* l = std::get_if<LatentAttention>(&layer.mixer)) latent(*l, w.attention);
  if (const auto* d = std::get_if<DeltaNet>(&layer.mixer)) delta(*d, w.delta);
  if (const auto* c = std::get_if<ShortConvolution>(&layer.mixer)) convolution(*c, w.convolution);
  if (const auto* m = std::get_if<Experts>(&layer.mlp)) experts(*m, w);
  if (const auto* m = std::get_if<Dense>(&layer.mlp)) mlp(*m, {Role::Gate, Role::Up, Role::GateUp, Role::Down}, w.mlp);
  if (layer.per_layer_input) {
    pack(w.per_layer_gate, Role::PerLayerGate);
    pack(w.per_layer_out, Role::PerLayerOut);
    w.per_layer_norm = norm(Role::PerLayerNorm, layer.per_layer_input->norm, hidden);
  }
  if (layer.output_scale) w.output_scale = find_.number(place_, Role::OutputScale, 1);
}

void Binder::ends(Weights& weights) const {
  const int64_t embedding_dim = spec_.embedding_dim > 0 ? spec_.embedding_dim : spec_.hidden;
  plan_.begin(false);
  const MatrixSource embedding = find_.matrix(place_, Role::Embedding);
  weights.tied = spec_.tied_embeddings;
  weights.embedding = embedding.stored;
  weights.embedding_norm = norm(Role::EmbeddingNorm, spec_.embedding_norm, embedding_dim);
  if (spec_.positions)
    weights.positions =
        find_.table(place_, Role::Positions, spec_.positions->count + spec_.positions->offset, spec_.hidden);
  if (spec_.embedding_dim > 0) {
    pack(weights.project_in, Role::ProjectIn);
    pack(weights.project_out, Role::ProjectOut);
  }
  if (find_.has(place_, Role::PerLayerEmbedding)) {
    weights.per_layer_embedding = find_.matrix(place_, Role::PerLayerEmbedding).stored;
    pack(weights.per_layer_projection, Role::PerLayerProjection);
    const PerLayerInput& input = *spec_.layers.front().per_layer_input;
    weights.per_layer_projection_norm = norm(Role::PerLayerProjectionNorm, input.norm, input.dims);
  }
  weights.final_norm = norm(Role::FinalNorm, spec_.final_norm, spec_.hidden);
  weights.unembedding.bias = find_.vector(place_, Role::Unembedding, Part::Bias);
  plan_.add(
      {{spec_.tied_embeddings ? embedding : find_.matrix(place_, Role::Unembedding), &weights.unembedding.weight}});
}

// Vectors are read one by one while the matrices are being found. Where they are not in memory yet, each would wait for
// the disk, and for what the system reads around it: so it is asked for all of them at once.
void fetch_small_tensors(const Checkpoint& checkpoint) {
  constexpr size_t most = size_t{64} << 10;
  std::vector<std::span<const std::byte>> ranges;
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (tensor.mapped && tensor.bytes.size() <= most) ranges.push_back(tensor.bytes);
  for (const auto& range : join_ranges(std::move(ranges))) read_ahead(range);
}

}  // namespace

Weights bind(const Family& family, const ModelSpec& spec, std::shared_ptr<const Checkpoint> checkpoint,
             const kernels::Table& table, ThreadPool& pool, const BindOptions& options) {
  Weights weights;
  fetch_small_tensors(*checkpoint);
  const Finder find(family, spec, *checkpoint);
  PackingPlan plan(options.quantize_bits, options.precision);
  weights.layers.resize(spec.layers.size());
  for (size_t i = 0; i < spec.layers.size(); i++)
    Binder(find, spec, plan, {static_cast<int64_t>(i), -1}).layer(spec.layers[i], weights.layers[i]);
  Binder(find, spec, plan, {}).ends(weights);
  weights.arena = plan.pack(table, pool, options.progress);
  weights.quantized = plan.quantized();
  weights.rounded = plan.rounded();
  weights.checkpoint = std::move(checkpoint);
  return weights;
}

}  // namespace foretell
