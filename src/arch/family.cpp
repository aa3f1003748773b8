#include "arch/family.h"

#include <algorithm>
#include <array>

#include "arch/families.h"

namespace foretell {
namespace {

// What a role is in one layer (or, with layer null, in the model): its matrix or vector, and whether it has a bias.
struct Presence {
  std::vector<int64_t> shape;  // empty: the model has no such tensor
  bool bias = false;
};

Presence norm_presence(const std::optional<NormSpec>& norm, int64_t size) {
  return norm ? Presence{{size}, norm->bias} : Presence{};
}

Presence attention_presence(Role role, const Attention& a, int64_t hidden) {
  const int64_t query = a.heads * a.head_dim, key = a.kv_heads * a.head_dim, value = a.kv_heads * a.value_head_dim;
  switch (role) {
    case Role::Query:
      return {{query, hidden}, a.query_bias};
    case Role::Key:
      return {{key, hidden}, a.key_bias};
    case Role::Value:
      return {{value, hidden}, a.value_bias};
    case Role::QueryKeyValue:
      return {{query + key + value, hidden}, a.query_bias};
    case Role::QueryNorm:
    case Role::KeyNorm:
      return a.qk_norm == Attention::QkNorm::None ? Presence{} : Presence{{a.head_dim}, a.qk_norm_spec.bias};
    case Role::Output:
      return {{hidden, a.heads * a.value_head_dim}, a.output_bias};
    default:
      return {};
  }
}

Presence mlp_presence(Role role, const Dense& mlp, int64_t hidden) {
  switch (role) {
    case Role::Gate:
      return mlp.gated ? Presence{{mlp.intermediate, hidden}, mlp.up_bias} : Presence{};
    case Role::Up:
      return {{mlp.intermediate, hidden}, mlp.up_bias};
    case Role::GateUp:
      return {{2 * mlp.intermediate, hidden}, mlp.up_bias};
    case Role::Down:
      return {{hidden, mlp.intermediate}, mlp.down_bias};
    default:
      return {};
  }
}

Presence layer_presence(Role role, const LayerSpec& layer, int64_t hidden) {
  switch (role) {
    case Role::AttentionNorm:
      return norm_presence(layer.attn_in, hidden);
    case Role::MlpNorm:
      return norm_presence(layer.mlp_in, hidden);
    case Role::Gate:
    case Role::Up:
    case Role::GateUp:
    case Role::Down:
      return mlp_presence(role, std::get<Dense>(layer.mlp), hidden);
    default:
      return attention_presence(role, std::get<Attention>(layer.mixer), hidden);
  }
}

Presence model_presence(Role role, const ModelSpec& spec) {
  switch (role) {
    case Role::Embedding:
      return {{spec.vocabulary, spec.hidden}, false};
    case Role::Positions:
      return spec.positions ? Presence{{spec.positions->count + spec.positions->offset, spec.hidden}, false}
                            : Presence{};
    case Role::FinalNorm:
      return norm_presence(spec.final_norm, spec.hidden);
    case Role::Unembedding:
      return spec.tied_embeddings ? Presence{} : Presence{{spec.vocabulary, spec.hidden}, spec.unembedding_bias};
    default:
      return {};
  }
}

bool belongs_to_layer(std::string_view name) { return name.find("{}") != std::string_view::npos; }

std::string numbered(std::string_view pattern, int64_t layer) {
  std::string name(pattern);
  const size_t hole = name.find("{}");
  return hole == std::string::npos ? name : name.replace(hole, 2, std::to_string(layer));
}

void add(std::vector<TensorSpec>& table, const Family& family, const RoleName& entry, int64_t layer,
         Presence presence) {
  if (presence.shape.empty()) return;
  const std::string name = numbered(entry.name, layer);
  const int64_t outputs = presence.shape.front();
  if (family.conv1d && layer >= 0 && presence.shape.size() == 2) std::swap(presence.shape[0], presence.shape[1]);
  table.push_back({entry.role, Part::Weight, layer, name + ".weight", presence.shape});
  if (presence.bias) table.push_back({entry.role, Part::Bias, layer, name + ".bias", {outputs}});
}

}  // namespace

std::string_view name(Role role) {
  switch (role) {
    case Role::Embedding:
      return "embedding";
    case Role::Positions:
      return "positions";
    case Role::AttentionNorm:
      return "attention norm";
    case Role::AttentionOutNorm:
      return "attention output norm";
    case Role::Query:
      return "query";
    case Role::Key:
      return "key";
    case Role::Value:
      return "value";
    case Role::QueryKeyValue:
      return "query, key and value";
    case Role::QueryNorm:
      return "query norm";
    case Role::KeyNorm:
      return "key norm";
    case Role::Output:
      return "output";
    case Role::MlpNorm:
      return "MLP norm";
    case Role::MlpOutNorm:
      return "MLP output norm";
    case Role::Gate:
      return "gate-projection";
    case Role::Up:
      return "up-projection";
    case Role::GateUp:
      return "gate- and up-projection";
    case Role::Down:
      return "down-projection";
    case Role::FinalNorm:
      return "final norm";
    case Role::Unembedding:
      return "unembedding";
  }
  return "";
}

std::span<const Family* const> families() {
  static const std::array<const Family*, 6> all = {&gpt2_family,  &llama_family, &mistral_family,
                                                   &qwen2_family, &qwen3_family, &gemma_family};
  return all;
}

const Family& find_family(const ConfigReader& config) {
  const std::string type = config.text("model_type");
  std::string known;
  for (const Family* family : families()) {
    if (family->model_type == type) return *family;
    known += (known.empty() ? "" : ", ") + std::string(family->model_type);
  }
  throw config.error("model_type", "an architecture that is not known", "one of " + known, "\"" + type + "\"");
}

std::vector<TensorSpec> tensor_table(const Family& family, const ModelSpec& spec) {
  std::vector<TensorSpec> table;
  const auto first_of_layers = std::find_if(family.names.begin(), family.names.end(),
                                            [](const RoleName& n) { return belongs_to_layer(n.name); });
  const auto after_layers =
      std::find_if(first_of_layers, family.names.end(), [](const RoleName& n) { return !belongs_to_layer(n.name); });
  for (auto it = family.names.begin(); it != first_of_layers; ++it)
    add(table, family, *it, -1, model_presence(it->role, spec));
  for (size_t layer = 0; layer < spec.layers.size(); layer++) {
    for (auto it = first_of_layers; it != after_layers; ++it)
      add(table, family, *it, static_cast<int64_t>(layer), layer_presence(it->role, spec.layers[layer], spec.hidden));
  }
  for (auto it = after_layers; it != family.names.end(); ++it)
    add(table, family, *it, -1, model_presence(it->role, spec));
  return table;
}

}  // namespace foretell
