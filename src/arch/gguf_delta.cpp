#include "arch/gguf_delta.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "checkpoint/stored_matrix.h"

namespace foretell {

// The places in the file of the value heads' rows, `dim` each, from row `first` on.
void GgufDelta::add_values(std::vector<int64_t>& order, int64_t first, int64_t dim) const {
  const int64_t group = delta_.value_heads / delta_.key_heads;
  for (int64_t head = 0; head < delta_.value_heads; head++) {
    const int64_t stored = tiled_ ? head % group * delta_.key_heads + head / group : head;
    for (int64_t i = 0; i < dim; i++) order.push_back(first + stored * dim + i);
  }
}

// One for each value head; A_log is kept as -exp(A_log).
Gathered GgufDelta::numbers(const TensorSpec& tensor, const std::string& name, bool logarithms) const {
  const TensorView& view = *need_(name, {delta_.value_heads});
  std::vector<int64_t> order;
  add_values(order, 0, 1);
  auto bytes = std::make_shared<std::vector<std::byte>>(order.size() * sizeof(float));
  for (size_t i = 0; i < order.size(); i++) {
    float value = 0;
    read_floats(view, order[i], order[i] + 1, &value);
    if (logarithms) value = std::log(-value);
    std::memcpy(bytes->data() + i * sizeof value, &value, sizeof value);
  }
  Gathered gathered{.view = view, .storage = bytes};
  gathered.view.dtype = DType::F32;
  gathered.view.shape = tensor.shape;
  gathered.view.bytes = *bytes;
  gathered.view.mapped = false;
  return gathered;
}

Gathered GgufDelta::rows(const std::vector<const TensorView*>& parts, const std::vector<int64_t>& order,
                         const std::string& name, const std::vector<int64_t>& shape) const {
  const bool as_it_is = parts.size() == 1 && std::is_sorted(order.begin(), order.end());
  Gathered gathered = as_it_is ? Gathered{.view = *parts.front(), .storage = nullptr} : gather_rows(parts, order, name);
  gathered.view.shape = shape;
  return gathered;
}

// For each key head its query, its key, its values and its gates, from a matrix of the first three and one of the last.
std::optional<Gathered> GgufDelta::by_key_heads(const TensorSpec& tensor, const std::string& name) const {
  if (need_(name, {}) != nullptr) return std::nullopt;  // the first files have them as published
  const int64_t keys = delta_.key_heads * delta_.key_dim, values = delta_.value_heads * delta_.value_dim;
  const int64_t run = values / delta_.key_heads;
  std::vector<int64_t> order;
  const auto add = [&](int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; i++) order.push_back(first + i);
  };
  for (int64_t head = 0; head < delta_.key_heads; head++) {
    add(head * delta_.key_dim, delta_.key_dim);
    add(keys + head * delta_.key_dim, delta_.key_dim);
    add(2 * keys + head * run, run);
    add(2 * keys + values + head * run, run);
  }
  const std::string block = name.substr(0, name.find('.', name.find('.') + 1));
  const std::string fused = block + ".attn_qkv.weight";
  return rows({need_(fused, {2 * keys + values, hidden_}), need_(block + ".attn_gate.weight", {values, hidden_})},
              order, fused, tensor.shape);
}

std::optional<Gathered> GgufDelta::take(const TensorSpec& tensor, const std::string& name) const {
  const int64_t keys = delta_.key_heads * delta_.key_dim, values = delta_.value_heads * delta_.value_dim;
  std::vector<int64_t> order;
  switch (tensor.role) {
    case Role::DeltaRate:
    case Role::DeltaTimeBias:
      return numbers(tensor, name, tensor.role == Role::DeltaRate);
    case Role::DeltaConvolution:
    case Role::DeltaQueryKeyValue: {
      for (int64_t i = 0; i < 2 * keys; i++) order.push_back(i);
      add_values(order, 2 * keys, delta_.value_dim);
      const int64_t cols = tensor.role == Role::DeltaConvolution ? delta_.kernel : hidden_;
      return rows({need_(name, {2 * keys + values, cols})}, order, name, tensor.shape);
    }
    case Role::DeltaGate:
      add_values(order, 0, delta_.value_dim);
      return rows({need_(name, {values, hidden_})}, order, name, tensor.shape);
    case Role::DeltaBeta:
    case Role::DeltaDecay:
      add_values(order, 0, 1);
      return rows({need_(name, {delta_.value_heads, hidden_})}, order, name, tensor.shape);
    case Role::DeltaQueryKeyValueGate:
      return by_key_heads(tensor, name);
    case Role::DeltaOutput:
      add_values(order, 0, delta_.value_dim);
      if (std::is_sorted(order.begin(), order.end())) return std::nullopt;
      return gather_columns(*need_(name, {hidden_, values}), order, name);
    default:
      return std::nullopt;
  }
}

}  // namespace foretell
