#include "trace/recorder.h"

#include <algorithm>
#include <cmath>

namespace foretell {

MixerHeads mixer_heads(const ModelSpec& spec, const LayerSpec& layer) {
  if (const Attention* a = attention_of(layer)) return {a->heads, a->value_head_dim};
  if (const auto* delta = std::get_if<DeltaNet>(&layer.mixer)) return {delta->value_heads, delta->value_dim};
  return {1, spec.hidden};
}

void Recorder::begin(std::span<const TokenId> tokens, std::span<const int64_t> positions) {
  trace->tokens.assign(tokens.begin(), tokens.end());
  trace->positions.assign(positions.begin(), positions.end());
  trace->hidden = spec_.hidden;
  slot_.assign(tokens.size(), -1);
  for (size_t i = 0; i < positions.size(); i++) slot_[static_cast<size_t>(positions[i])] = static_cast<int64_t>(i);
  const auto hidden = static_cast<size_t>(spec_.hidden);
  trace->embedded.resize(tokens.size() * hidden);
  trace->layers.assign(spec_.layers.size(), {});
  for (size_t l = 0; l < spec_.layers.size(); l++) {
    LayerTrace& layer = trace->layers[l];
    const MixerHeads heads = mixer_heads(spec_, spec_.layers[l]);
    layer.heads = heads.count;
    layer.attends = attention_of(spec_.layers[l]) != nullptr;
    if (layer.attends) layer.attention.resize(static_cast<size_t>(heads.count) * positions.size() * positions.size());
    layer.stream.resize(tokens.size() * hidden);
    layer.mixer_norm.resize(tokens.size());
    layer.mlp_norm.resize(tokens.size());
    layer.mixed_mean.resize(static_cast<size_t>(heads.count * heads.dims));
    for (auto* mean : {&layer.mixer_mean, &layer.mlp_mean, &layer.input_mean}) mean->resize(hidden);
  }
}

// The last row of the last batch is the last token's.
void Recorder::keep_last(std::vector<float>& to, const float* rows, int64_t stride, int64_t count, int64_t cols) const {
  if (start + count != static_cast<int64_t>(trace->tokens.size())) return;
  const float* last = rows + (count - 1) * stride;
  to.assign(last, last + cols);
}

bool Recorder::silenced(Block block, int64_t layer) const {
  return std::any_of(ablations.begin(), ablations.end(), [&](const Ablation& a) {
    if (a.layer != layer) return false;
    return a.part == Ablation::Part::Layer || (a.part == Ablation::Part::Mlp && block == Block::Mlp) ||
           (a.part == Ablation::Part::Mixer && block == Block::Mixer);
  });
}

void Recorder::block(Block block, Place place, int64_t layer, float* rows, int64_t stride, int64_t count) {
  const auto l = static_cast<size_t>(layer);
  if (place == Place::Added && silenced(block, layer)) {
    for (int64_t r = 0; r < count; r++) {
      float* row = rows + r * stride;
      std::fill_n(row, spec_.hidden, 0.0f);
      if (means == nullptr) continue;
      const LayerTrace& of = means->layers[l];
      const auto& mean = block == Block::Mixer ? of.mixer_mean : block == Block::Mlp ? of.mlp_mean : of.input_mean;
      for (int64_t i = 0; i < spec_.hidden; i++) row[i] = static_cast<float>(mean[static_cast<size_t>(i)]);
    }
  }
  if (trace == nullptr) return;
  LayerTrace& to = trace->layers[l];
  if (place == Place::Added) record_added(block, to, rows, stride, count);
  if (place == Place::Summed && block == Block::LayerInput) return;
  std::vector<float>* kept[3][3] = {{&to.mixer_block, &to.mixer_adds, &to.mixer_sum},
                                    {&to.mlp_block, &to.mlp_adds, &to.mlp_sum},
                                    {&to.input_block, &to.input_adds, nullptr}};
  keep_last(*kept[static_cast<int>(block)][static_cast<int>(place)], rows, stride, count, spec_.hidden);
}

void Recorder::record_added(Block block, LayerTrace& layer, const float* rows, int64_t stride, int64_t count) const {
  auto& mean = block == Block::Mixer ? layer.mixer_mean : block == Block::Mlp ? layer.mlp_mean : layer.input_mean;
  for (int64_t r = 0; r < count; r++) {
    const float* row = rows + r * stride;
    double squares = 0;
    for (int64_t i = 0; i < spec_.hidden; i++) {
      squares += static_cast<double>(row[i]) * row[i];
      mean[static_cast<size_t>(i)] += static_cast<double>(row[i]) / static_cast<double>(trace->tokens.size());
    }
    auto& norm = block == Block::Mixer ? layer.mixer_norm : layer.mlp_norm;
    if (block != Block::LayerInput) norm[static_cast<size_t>(start + r)] = static_cast<float>(std::sqrt(squares));
  }
}

void Recorder::layer_end(int64_t layer, float* rows, int64_t stride, int64_t count) {
  if (change) change(layer, rows, stride, count);
  if (trace == nullptr) return;
  std::vector<float>& to = layer < 0 ? trace->embedded : trace->layers[static_cast<size_t>(layer)].stream;
  for (int64_t r = 0; r < count; r++)
    std::copy_n(rows + r * stride, spec_.hidden, to.data() + (start + r) * spec_.hidden);
}

void Recorder::mixed(int64_t layer, float* rows, int64_t stride, int64_t count) {
  const auto l = static_cast<size_t>(layer);
  const MixerHeads heads = mixer_heads(spec_, spec_.layers[l]);
  for (const Ablation& a : ablations) {
    if (a.part != Ablation::Part::Head || a.layer != layer) continue;
    const int64_t first = a.head * heads.dims;
    for (int64_t r = 0; r < count; r++)
      for (int64_t d = first; d < first + heads.dims; d++)
        rows[r * stride + d] =
            means == nullptr ? 0.0f : static_cast<float>(means->layers[l].mixed_mean[static_cast<size_t>(d)]);
  }
  if (trace == nullptr) return;
  LayerTrace& to = trace->layers[l];
  const int64_t cols = heads.count * heads.dims;
  for (int64_t r = 0; r < count; r++)
    for (int64_t d = 0; d < cols; d++)
      to.mixed_mean[static_cast<size_t>(d)] +=
          static_cast<double>(rows[r * stride + d]) / static_cast<double>(trace->tokens.size());
  keep_last(to.mixed, rows, stride, count, cols);
}

void Recorder::attention(int64_t layer, int64_t head, int64_t row, const float* weights, int64_t count) {
  if (trace == nullptr) return;
  const int64_t query = slot_[static_cast<size_t>(start + row)], width = static_cast<int64_t>(trace->positions.size());
  if (query < 0) return;
  float* to = trace->layers[static_cast<size_t>(layer)].attention.data() + (head * width + query) * width;
  for (int64_t k = 0; k < count; k++)
    if (const int64_t slot = slot_[static_cast<size_t>(k)]; slot >= 0) to[slot] = weights[k];
}

}  // namespace foretell
