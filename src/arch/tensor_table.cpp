#include <algorithm>

#include "arch/family.h"

namespace foretell {
namespace {

// What a role is in one layer (or in the model): its matrix or vector, whether it has a bias, and how many there are of
// it.
struct Presence {
  std::vector<int64_t> shape;  // empty: the model has no such tensor
  bool bias = false;
  int64_t count = 0;  // of experts, or of heads with weights of their own; 0: one
  bool weight = true;
};

Presence norm_presence(const std::optional<NormSpec>& norm, int64_t size) {
  return norm && norm->weight ? Presence{{size}, norm->bias} : Presence{};
}

Presence qk_norm_presence(const Attention& a, int64_t heads) {
  using QkNorm = Attention::QkNorm;
  if (a.qk_norm == QkNorm::None) return {};
  Presence presence = norm_presence(a.qk_norm_spec, a.qk_norm == QkNorm::Whole ? heads * a.head_dim : a.head_dim);
  if (a.qk_norm == QkNorm::PerHeadOwn) presence.count = heads;
  return presence;
}

Presence attention_presence(Role role, const Attention& a, int64_t hidden) {
  const int64_t query = a.heads * a.head_dim, key = a.kv_heads * a.head_dim, value = a.kv_heads * a.value_head_dim;
  const bool own = a.kv_layer < 0;  // keys and values
  switch (role) {
    case Role::Query:
      return {{query, hidden}, a.query_bias};
    case Role::QueryGate:
      return a.gate ? Presence{{2 * query, hidden}, a.query_bias} : Presence{};
    case Role::Key:
      return own ? Presence{{key, hidden}, a.key_bias} : Presence{};
    case Role::Value:
      return own && !a.value_is_key ? Presence{{value, hidden}, a.value_bias} : Presence{};
    case Role::QueryKeyValue:
      return {{query + key + value, hidden}, a.query_bias};
    case Role::QueryNorm:
      return qk_norm_presence(a, a.heads);
    case Role::KeyNorm:
      return own ? qk_norm_presence(a, a.kv_heads) : Presence{};
    case Role::Sinks:
      return a.sinks ? Presence{{a.heads}} : Presence{};
    case Role::Output:
      return {{hidden, a.heads * a.value_head_dim}, a.output_bias};
    default:
      return {};
  }
}

Presence latent_presence(Role role, const LatentAttention& latent, int64_t hidden) {
  const Attention& a = latent.attention;
  const int64_t query = a.heads * a.head_dim;
  switch (role) {
    case Role::Query:
      return latent.query_rank == 0 ? Presence{{query, hidden}, a.query_bias} : Presence{};
    case Role::QueryDown:
      return latent.query_rank > 0 ? Presence{{latent.query_rank, hidden}, latent.down_bias} : Presence{};
    case Role::QueryDownNorm:
      return latent.query_rank > 0 ? norm_presence(latent.norm, latent.query_rank) : Presence{};
    case Role::QueryUp:
      return latent.query_rank > 0 ? Presence{{query, latent.query_rank}, a.query_bias} : Presence{};
    case Role::KeyValueDown:
      return {{latent.kv_rank + a.head_dim - latent.plain_dims, hidden}, latent.down_bias};
    case Role::KeyValueDownNorm:
      return norm_presence(latent.norm, latent.kv_rank);
    case Role::KeyValueUp:
      return {{a.heads * (latent.plain_dims + a.value_head_dim), latent.kv_rank}};
    case Role::Output:
      return attention_presence(role, a, hidden);
    default:
      return {};
  }
}

Presence delta_presence(Role role, const DeltaNet& d, int64_t hidden) {
  const int64_t keys = d.key_heads * d.key_dim, values = d.value_heads * d.value_dim;
  switch (role) {
    case Role::DeltaQueryKeyValue:
      return {{2 * keys + values, hidden}};
    case Role::DeltaGate:
      return {{values, hidden}};
    case Role::DeltaBeta:
    case Role::DeltaDecay:
      return {{d.value_heads, hidden}};
    case Role::DeltaQueryKeyValueGate:
      return {{2 * keys + 2 * values, hidden}};
    case Role::DeltaBetaDecay:
      return {{2 * d.value_heads, hidden}};
    case Role::DeltaConvolution:
      return {{2 * keys + values, 1, d.kernel}};
    case Role::DeltaRate:
    case Role::DeltaTimeBias:
      return {{d.value_heads}};
    case Role::DeltaNorm:
      return norm_presence(d.norm, d.value_dim);
    case Role::DeltaOutput:
      return {{hidden, values}};
    default:
      return {};
  }
}

Presence convolution_presence(Role role, const ShortConvolution& c, int64_t hidden) {
  switch (role) {
    case Role::ConvolutionIn:
      return {{3 * hidden, hidden}, c.bias};
    case Role::ConvolutionKernel:
      return {{hidden, 1, c.kernel}, c.bias};
    case Role::ConvolutionOut:
      return {{hidden, hidden}, c.bias};
    default:
      return {};
  }
}

Presence mixer_presence(Role role, const LayerSpec& layer, int64_t hidden) {
  if (const auto* attention = std::get_if<Attention>(&layer.mixer)) return attention_presence(role, *attention, hidden);
  if (const auto* latent = std::get_if<LatentAttention>(&layer.mixer)) return latent_presence(role, *latent, hidden);
  if (const auto* delta = std::get_if<DeltaNet>(&layer.mixer)) return delta_presence(role, *delta, hidden);
  return convolution_presence(role, std::get<ShortConvolution>(layer.mixer), hidden);
}

enum class Matrix { Gate, Up, GateUp, Down };

Presence dense_presence(Matrix matrix, const Dense& mlp, int64_t hidden) {
  switch (matrix) {
    case Matrix::Gate:
      return mlp.gated ? Presence{{mlp.intermediate, hidden}, mlp.up_bias} : Presence{};
    case Matrix::Up:
      return {{mlp.intermediate, hidden}, mlp.up_bias};
    case Matrix::GateUp:
      return mlp.gated ? Presence{{2 * mlp.intermediate, hidden}, mlp.up_bias} : Presence{};
    case Matrix::Down:
      return {{hidden, mlp.intermediate}, mlp.down_bias};
  }
  return {};
}

Presence expert_presence(Role role, const Experts& experts, int64_t hidden) {
  const auto each = [&](Matrix matrix) {
    Presence presence = dense_presence(matrix, experts.expert, hidden);
    presence.count = experts.count;
    return presence;
  };
  const auto shared = [&](Matrix matrix) {
    return experts.shared ? dense_presence(matrix, *experts.shared, hidden) : Presence{};
  };
  switch (role) {
    case Role::Router:
      return {{experts.count, hidden}, experts.router_bias};
    case Role::RouterCorrection:
      return experts.correction ? Presence{{experts.count}} : Presence{};
    case Role::ExpertGate:
      return each(Matrix::Gate);
    case Role::ExpertUp:
      return each(Matrix::Up);
    case Role::ExpertGateUp:
      return each(Matrix::GateUp);
    case Role::ExpertDown:
      return each(Matrix::Down);
    case Role::SharedGate:
      return shared(Matrix::Gate);
    case Role::SharedUp:
      return shared(Matrix::Up);
    case Role::SharedGateUp:
      return shared(Matrix::GateUp);
    case Role::SharedDown:
      return shared(Matrix::Down);
    case Role::SharedExpertGate:
      return experts.shared_gate ? Presence{{1, hidden}} : Presence{};
    case Role::ExpertScales:
      return experts.expert_scales ? Presence{{experts.count}} : Presence{};
    case Role::RouterNorm:
      return experts.branches ? norm_presence(experts.branches->router_in, hidden) : Presence{};
    case Role::ExpertNorm:
      return experts.branches ? norm_presence(experts.branches->expert_in, hidden) : Presence{};
    case Role::ExpertOutNorm:
      return experts.branches ? norm_presence(experts.branches->expert_out, hidden) : Presence{};
    case Role::SharedOutNorm:
      return experts.branches ? norm_presence(experts.branches->shared_out, hidden) : Presence{};
    default:
      return {};
  }
}

Presence mlp_presence(Role role, const LayerSpec& layer, int64_t hidden) {
  if (const auto* experts = std::get_if<Experts>(&layer.mlp)) return expert_presence(role, *experts, hidden);
  const Dense& mlp = std::get<Dense>(layer.mlp);
  switch (role) {
    case Role::Gate:
      return dense_presence(Matrix::Gate, mlp, hidden);
    case Role::Up:
      return dense_presence(Matrix::Up, mlp, hidden);
    case Role::GateUp:
      return dense_presence(Matrix::GateUp, mlp, hidden);
    case Role::Down:
      return dense_presence(Matrix::Down, mlp, hidden);
    case Role::XIeluAlphaP:
    case Role::XIeluAlphaN:
    case Role::XIeluBeta:
    case Role::XIeluEps:
      return mlp.activation == Activation::XIelu ? Presence{{1}} : Presence{};
    default:
      return {};
  }
}

Presence layer_presence(Role role, const LayerSpec& layer, int64_t hidden) {
  switch (role) {
    case Role::AttentionNorm:
      return norm_presence(layer.attn_in, hidden);
    case Role::AttentionOutNorm:
      return norm_presence(layer.attn_out, hidden);
    case Role::AttentionSumNorm:
      return norm_presence(layer.attn_sum, hidden);
    case Role::MlpNorm:
      return norm_presence(layer.mlp_in, hidden);
    case Role::MlpOutNorm:
      return norm_presence(layer.mlp_out, hidden);
    case Role::MlpSumNorm:
      return norm_presence(layer.mlp_sum, hidden);
    case Role::PerLayerGate:
      return layer.per_layer_input ? Presence{{layer.per_layer_input->dims, hidden}} : Presence{};
    case Role::PerLayerOut:
      return layer.per_layer_input ? Presence{{hidden, layer.per_layer_input->dims}} : Presence{};
    case Role::PerLayerNorm:
      return layer.per_layer_input ? norm_presence(layer.per_layer_input->norm, hidden) : Presence{};
    case Role::OutputScale:
      return layer.output_scale ? Presence{{1}} : Presence{};
    default:
      break;
  }
  const Presence presence = mixer_presence(role, layer, hidden);
  return presence.shape.empty() ? mlp_presence(role, layer, hidden) : presence;
}

Presence per_layer_presence(Role role, const ModelSpec& spec) {
  if (spec.layers.empty() || !spec.layers.front().per_layer_input) return {};
  const PerLayerInput& input = *spec.layers.front().per_layer_input;
  const int64_t all = static_cast<int64_t>(spec.layers.size()) * input.dims;
  switch (role) {
    case Role::PerLayerEmbedding:
      return {{spec.per_layer_vocabulary, all}};
    case Role::PerLayerProjection:
      return {{all, spec.hidden}};
    default:
      return norm_presence(input.norm, input.dims);
  }
}

Presence model_presence(Role role, const ModelSpec& spec) {
  const int64_t embedding = spec.embedding_dim > 0 ? spec.embedding_dim : spec.hidden;
  switch (role) {
    case Role::Embedding:
      return {{spec.vocabulary, embedding}};
    case Role::EmbeddingNorm:
      return norm_presence(spec.embedding_norm, embedding);
    case Role::Positions:
      return spec.positions ? Presence{{spec.positions->count + spec.positions->offset, spec.hidden}} : Presence{};
    case Role::ProjectIn:
      return spec.embedding_dim > 0 ? Presence{{spec.hidden, embedding}} : Presence{};
    case Role::ProjectOut:
      return spec.embedding_dim > 0 ? Presence{{embedding, spec.hidden}} : Presence{};
    case Role::FinalNorm:
      return norm_presence(spec.final_norm, spec.hidden);
    case Role::Unembedding:
      if (spec.tied_embeddings && !spec.unembedding_bias) return {};
      return {{spec.vocabulary, embedding}, spec.unembedding_bias, 0, !spec.tied_embeddings};
    case Role::PerLayerEmbedding:
    case Role::PerLayerProjection:
    case Role::PerLayerProjectionNorm:
      return per_layer_presence(role, spec);
    default:
      return {};
  }
}

bool has_hole(std::string_view name, std::string_view hole) { return name.find(hole) != std::string_view::npos; }

std::string filled(std::string name, std::string_view hole, int64_t number) {
  const size_t at = name.find(hole);
  return at == std::string::npos ? name : name.replace(at, hole.size(), std::to_string(number));
}

class Builder {
 public:
  Builder(const Family& family, const ModelSpec& spec) : family_(family), spec_(spec) {}

  void add(const RoleName& entry, int64_t layer, const Presence& presence) {
    if (presence.shape.empty() || (entry.when != nullptr && !entry.when(spec_))) return;
    const bool stack = presence.count > 0 && !has_hole(entry.name, "{e}");
    const std::string name = filled(std::string(entry.name), "{}", layer);
    for (int64_t e = 0; e < (stack || presence.count == 0 ? 1 : presence.count); e++) {
      const int64_t expert = stack || presence.count == 0 ? -1 : e;
      const std::string one = filled(name, "{e}", e);
      if (presence.weight)
        table_.push_back({entry.role, Part::Weight, layer, one + std::string(entry.weight),
                          stored_shape(presence, layer, stack), expert});
      if (!presence.bias) continue;
      std::vector<int64_t> outputs = {presence.shape.front()};
      if (stack) outputs.insert(outputs.begin(), presence.count);
      table_.push_back({entry.role, Part::Bias, layer, one + std::string(entry.bias), outputs, expert});
    }
  }

  std::vector<TensorSpec> take() { return std::move(table_); }

 private:
  std::vector<int64_t> stored_shape(const Presence& presence, int64_t layer, bool stack) const {
    std::vector<int64_t> shape = presence.shape;
    const bool turned = (family_.conv1d && layer >= 0) || (stack && spec_.storage.experts_transposed);
    if (turned && shape.size() == 2) std::swap(shape[0], shape[1]);
    if (stack) shape.insert(shape.begin(), presence.count);
    return shape;
  }

  const Family& family_;
  const ModelSpec& spec_;
  std::vector<TensorSpec> table_;
};

}  // namespace

std::vector<TensorSpec> tensor_table(const Family& family, const ModelSpec& spec) {
  Builder builder(family, spec);
  const auto of_layer = [](const RoleName& n) { return has_hole(n.name, "{}"); };
  const auto first = std::find_if(family.names.begin(), family.names.end(), of_layer);
  const auto last = std::find_if_not(first, family.names.end(), of_layer);
  for (auto it = family.names.begin(); it != first; ++it) builder.add(*it, -1, model_presence(it->role, spec));
  for (size_t layer = 0; layer < spec.layers.size(); layer++) {
    for (auto it = first; it != last; ++it)
      builder.add(*it, static_cast<int64_t>(layer), layer_presence(it->role, spec.layers[layer], spec.hidden));
  }
  for (auto it = last; it != family.names.end(); ++it) builder.add(*it, -1, model_presence(it->role, spec));
  return builder.take();
}

}  // namespace foretell
