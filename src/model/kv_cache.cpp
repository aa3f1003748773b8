#include "model/kv_cache.h"

#include <algorithm>
#include <cstring>

#include "foretell/error.h"
#include "model/padding.h"

namespace foretell {
namespace {

using kernels::chunk_keys;
using kernels::key_columns;

// The largest power of two that divides a head's size, where the kernels mix so few.
int64_t mix_block(int64_t dim) {
  const int64_t block = dim & -dim;
  return block >= 16 ? block : 0;
}

// What its convolution saw last, and the memory of each value head, [value_dim][key_dim].
int64_t delta_state_size(const DeltaNet& d) {
  const int64_t channels = 2 * padded(d.key_heads * d.key_dim) + padded(d.value_heads * d.value_dim);
  return (d.kernel - 1) * channels + d.value_heads * d.value_dim * d.key_dim;
}

}  // namespace

// What rounding keys and values costs, and what they would otherwise take, goes with how the rest is computed (log-
// probability of a token of the default model, mean difference from float32: 0.0007 with 16 bits and 0.014 with 8,
// while 8-bit activations make 0.06).
KvCacheFormat kv_format(const ModelSpec& spec, bool quantized, Precision precision, KvCacheFormat asked) {
  // Heads must not be so large that a sum of products leaves 32 bits, and ALiBi is added to float scores.
  bool fits = true;
  for (const LayerSpec& layer : spec.layers) {
    const Attention* a = attention_of(layer);
    fits = fits && (a == nullptr || (a->head_dim <= 512 && a->alibi.empty()));
  }
  if (asked == KvCacheFormat::Int8 && !fits)
    throw Error({.what = "this model's keys and values cannot be kept in 8 bits",
                 .expected = "heads of at most 512 dimensions and no ALiBi"});
  if (asked != KvCacheFormat::Auto) return asked;
  if (precision == Precision::Exact || !quantized) return KvCacheFormat::Float32;
  return precision == Precision::Fast && fits ? KvCacheFormat::Int8 : KvCacheFormat::Float16;
}

int64_t layer_state_size(const ModelSpec& spec, const LayerSpec& layer) {
  if (const auto* d = std::get_if<DeltaNet>(&layer.mixer)) return delta_state_size(*d);
  if (const auto* c = std::get_if<ShortConvolution>(&layer.mixer)) return (c->kernel - 1) * padded(spec.hidden);
  return 0;
}

KvLayout::KvLayout(const ModelSpec& spec, KvCacheFormat format) : format_(format) {
  const int64_t element = kv_element_bytes(format);
  for (const LayerSpec& layer : spec.layers) {
    Layer l{};
    l.state_offset = state_size_;
    state_size_ += layer_state_size(spec, layer);
    const Attention* attention = attention_of(layer);
    if (attention == nullptr || attention->kv_layer >= 0) {  // nothing of its own
      layers_.push_back(attention == nullptr ? l : layers_[static_cast<size_t>(attention->kv_layer)]);
      continue;
    }
    const Attention& a = *attention;
    l.offset = block_bytes_;
    l.key_dim = a.head_dim;
    l.kept_key_dims = round_up(a.head_dim, format == KvCacheFormat::Int8 ? 4 : 1);
    l.key_stride = round_up(a.head_dim, 16);
    l.value_dim = a.value_head_dim;
    l.value_stride = round_up(a.value_head_dim, 16);
    l.key_bytes = l.kept_key_dims * chunk_keys * element;
    l.value_bytes = l.value_stride * chunk_keys * element;
    l.scale_bytes = format == KvCacheFormat::Int8 ? chunk_keys * 4 : 0;
    l.key_mix = format == KvCacheFormat::Int8 ? mix_block(l.key_dim) : 0;
    l.value_mix = format == KvCacheFormat::Int8 ? mix_block(l.value_dim) : 0;
    l.head_bytes = l.key_bytes + l.value_bytes + 2 * l.scale_bytes;
    layers_.push_back(l);
    block_bytes_ += a.kv_heads * l.head_bytes;
  }
  bytes_per_token_ = block_bytes_ / chunk_keys;
}

KvLayout::Head KvLayout::head(std::byte* block, size_t layer, int64_t head) const {
  const Layer& l = layers_[layer];
  std::byte* p = block + l.offset + head * l.head_bytes;
  std::byte* key_scales = p + l.key_bytes;
  std::byte* value_scales = key_scales + l.scale_bytes;
  return {p, reinterpret_cast<float*>(key_scales), reinterpret_cast<float*>(value_scales),
          value_scales + l.scale_bytes};
}

void KvLayout::store(const kernels::Table& table, const Head& head, size_t layer, int64_t slot, float* key,
                     float* value, int8_t* scratch) const {
  const Layer& l = layers_[layer];
  const int64_t column = slot % key_columns;
  std::byte* keys = head.keys + slot / key_columns * (l.key_bytes / (chunk_keys / key_columns));
  if (format_ == KvCacheFormat::Float32) {
    auto* to = reinterpret_cast<float*>(keys) + column;
    for (int64_t d = 0; d < l.key_dim; d++) to[d * key_columns] = key[d];
    std::memcpy(reinterpret_cast<float*>(head.values) + slot * l.value_stride, value,
                static_cast<size_t>(l.value_dim) * 4);
    return;
  }
  if (format_ == KvCacheFormat::Float16) {
    auto* halves = reinterpret_cast<uint16_t*>(scratch);
    table.to_f16(key, l.key_stride, halves);
    auto* to = reinterpret_cast<uint16_t*>(keys) + column;
    for (int64_t d = 0; d < l.key_dim; d++) to[d * key_columns] = halves[d];
    table.to_f16(value, l.value_stride, reinterpret_cast<uint16_t*>(head.values) + slot * l.value_stride);
    return;
  }
  if (l.key_mix > 0) table.mix(key, l.key_dim, l.key_mix);
  if (l.value_mix > 0) table.mix(value, l.value_dim, l.value_mix);
  head.key_scales[slot] = table.to_int8(key, l.key_stride, scratch);
  for (int64_t d = 0; d < l.key_dim; d += 4) {
    uint32_t four;
    std::memcpy(&four, scratch + d, 4);
    four ^= 0x80808080u;  // adds 128 to each
    std::memcpy(keys + d * key_columns + column * 4, &four, 4);
  }
  head.value_scales[slot] = table.to_int8(value, l.value_stride, scratch);
  std::byte* to = head.values + slot / 2 * l.value_stride * 2 + slot % 2;
  for (int64_t d = 0; d < l.value_dim; d++) to[2 * d] = static_cast<std::byte>(scratch[d]);
}

KvCache::KvCache(const KvLayout& layout, int64_t capacity)
    : layout_(&layout), capacity_(capacity), state_(layout.state_size()) {
  blocks_.reserve(static_cast<size_t>((capacity + chunk_keys - 1) / chunk_keys));
}

void KvCache::rewind(int64_t count) {
  if (count >= length) return;
  length = layout_->state_size() > 0 ? 0 : count;
  if (length == 0) std::fill_n(state_.data(), state_.size(), 0.0f);
}

KvCache::Block KvCache::cut(const std::shared_ptr<AlignedBytes>& piece, int64_t offset) {
  return {piece, piece->data() + offset, std::make_shared<int>()};
}

void KvCache::copy_beginning(const KvCache& other, int64_t count) {
  length = std::min(count, other.length);
  regime = other.regime;
  tokens.assign(other.tokens.begin(), other.tokens.begin() + static_cast<std::ptrdiff_t>(count));
  if (state_.size() > 0) {
    if (length < other.length) length = 0;
    if (length > 0) std::copy_n(other.state_.data(), state_.size(), state_.data());
    if (length == 0) std::fill_n(state_.data(), state_.size(), 0.0f);
  }
  const int64_t held = (length + chunk_keys - 1) / chunk_keys;
  blocks_.assign(other.blocks_.begin(), other.blocks_.begin() + held);
}

// Blocks are cut from larger pieces of memory, so that most of it is in huge pages, which are touched as they fill.
void KvCache::reserve(int64_t first, int64_t end) {
  constexpr int64_t piece_bytes = int64_t{16} << 20;
  const int64_t size = layout_->block_bytes(), wanted = (end + chunk_keys - 1) / chunk_keys;
  for (auto b = static_cast<size_t>(first / chunk_keys); b < std::min(blocks_.size(), static_cast<size_t>(wanted));
       b++) {
    if (!blocks_[b].shared()) continue;
    Block own = cut(std::make_shared<AlignedBytes>(static_cast<size_t>(size)), 0);
    std::memcpy(own.data, blocks_[b].data, static_cast<size_t>(size));
    blocks_[b] = std::move(own);
  }
  while (static_cast<int64_t>(blocks_.size()) < wanted) {
    const int64_t most = (capacity_ + chunk_keys - 1) / chunk_keys - static_cast<int64_t>(blocks_.size());
    const int64_t count = std::clamp<int64_t>(piece_bytes / std::max<int64_t>(size, 1), 1, most);
    const auto piece = std::make_shared<AlignedBytes>(static_cast<size_t>(count * size));
    for (int64_t i = 0; i < count; i++) blocks_.push_back(cut(piece, i * size));
  }
}

}  // namespace foretell
