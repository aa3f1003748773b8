#include "arch/costs.h"

#include <algorithm>

namespace foretell {
namespace {

bool of_expert(Role role) {
  switch (role) {
    case Role::ExpertGate:
    case Role::ExpertUp:
    case Role::ExpertGateUp:
    case Role::ExpertDown:
      return true;
    default:
      return false;
  }
}

double elements(const TensorSpec& tensor) {
  double count = 1;
  for (const int64_t size : tensor.shape) count *= static_cast<double>(size);
  return count;
}

bool is_matrix(const TensorSpec& tensor) {
  return tensor.shape.size() >= 2 && tensor.part == Part::Weight && !is_norm(tensor.role);
}

// Of one layer: multiplications and additions for `context` tokens before this one.
double context_operations(const LayerSpec& layer, int64_t context) {
  const Attention* a = attention_of(layer);
  if (a == nullptr) return 0;
  int64_t seen = context;
  for (const int64_t bound : {a->window, a->chunk})
    if (bound > 0) seen = std::min(seen, bound);
  return 2.0 * static_cast<double>(a->heads) * static_cast<double>(a->head_dim + a->value_head_dim) *
         static_cast<double>(seen);
}

// A layer that carries a state along reads and writes it for each token.
double state_operations(const LayerSpec& layer) {
  const auto* d = std::get_if<DeltaNet>(&layer.mixer);
  if (d == nullptr) return 0;
  constexpr double passes = 3;  // decay and read, correct, ask
  return 2 * passes * static_cast<double>(d->value_heads) * static_cast<double>(d->key_dim * d->value_dim);
}

}  // namespace

double active_part(const ModelSpec& spec, const TensorSpec& tensor) {
  if (tensor.role == Role::Embedding) return spec.tied_embeddings ? 1 : 0;
  if (tensor.role == Role::Positions || tensor.role == Role::PerLayerEmbedding) return 0;
  if (!of_expert(tensor.role)) return 1;
  const auto& experts = std::get<Experts>(spec.layers.at(static_cast<size_t>(tensor.layer)).mlp);
  return static_cast<double>(experts.chosen) / static_cast<double>(experts.count);
}

Costs token_costs(const Family& family, const ModelSpec& spec, int64_t context) {
  Costs costs;
  for (const TensorSpec& tensor : tensor_table(family, spec))
    if (is_matrix(tensor)) costs.active_parameters += elements(tensor) * active_part(spec, tensor);
  costs.operations = 2 * costs.active_parameters;
  for (const LayerSpec& layer : spec.layers) {
    costs.operations += state_operations(layer);
    costs.context_operations += context_operations(layer, context);
  }
  return costs;
}

WeightBytes weight_bytes(const Family& family, const ModelSpec& spec, double bits) {
  WeightBytes bytes;
  for (const TensorSpec& tensor : tensor_table(family, spec)) {
    const double size = elements(tensor) * (is_matrix(tensor) ? bits : std::max(bits, 32.0)) / 8;
    bytes.all += size;
    bytes.active += size * active_part(spec, tensor);
  }
  return bytes;
}

}  // namespace foretell
