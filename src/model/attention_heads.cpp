// What happens to the heads of queries, keys and values before they meet.
#include "model/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/exact_math.h"
#include "model/norm.h"
#include "model/padding.h"
#include "model/rotary.h"

namespace foretell {
namespace {

using kernels::chunk_keys;

// See QueryGrowth.
float growth(const QueryGrowth& g, int64_t position) {
  const double steps = std::floor(static_cast<double>(position + g.shift) / g.floor_scale);
  return static_cast<float>(exact_log(1 + steps) * g.scale + 1);
}

}  // namespace

// Layers that turn alike share a table.
int AttentionEngine::rotary_table(const Rotary& rotary, int64_t max_rows) {
  RotaryTable wanted{.rotary = &rotary,
                     .frequencies = rotary_frequencies(rotary, 0),
                     .piece_frequencies = {},
                     .magnitude = rotary_magnitude(rotary),
                     .cosines = {},
                     .sines = {}};
  // One length beyond any original context tells apart what depends on it.
  constexpr int64_t long_text = int64_t{1} << 40;
  const auto same = [&](const RotaryTable& t) {
    return t.frequencies == wanted.frequencies && t.magnitude == wanted.magnitude &&
           rotary_frequencies(*t.rotary, long_text) == rotary_frequencies(rotary, long_text) &&
           rotary_regime(*t.rotary, long_text) == rotary_regime(rotary, long_text);
  };
  const auto found = std::find_if(rotary_tables_.begin(), rotary_tables_.end(), same);
  const auto index = static_cast<int>(found - rotary_tables_.begin());
  if (found != rotary_tables_.end()) return index;
  const auto pairs = static_cast<int64_t>(wanted.frequencies.size());
  wanted.cosines = AlignedBuffer<float>(max_rows * pairs);
  wanted.sines = AlignedBuffer<float>(max_rows * pairs);
  rotary_tables_.push_back(std::move(wanted));
  return index;
}

void AttentionEngine::compute_angles(int thread) {
  const Range mine = share(rows_, thread, pool_.size());
  for (RotaryTable& t : rotary_tables_) {
    const auto pairs = static_cast<int64_t>(t.frequencies.size());
    for (size_t p = 0; p < pieces_.size(); p++) {
      const Piece& piece = pieces_[p];
      const std::vector<float>& own = t.piece_frequencies[p];
      const int64_t end = std::min(mine.end, piece.first_row + piece.rows);
      for (int64_t r = std::max(mine.begin, piece.first_row); r < end; r++)
        rotary_angles(own.empty() ? t.frequencies : own, t.magnitude, positions_[static_cast<size_t>(r)],
                      t.cosines.data() + r * pairs, t.sines.data() + r * pairs);
    }
  }
}

// The norm over all heads of a row at once, where there is one; all threads wait for it.
void AttentionEngine::normalize_whole(size_t layer, const Projections& in, int thread) const {
  const Attention& a = attention(layer);
  if (a.qk_norm != Attention::QkNorm::Whole) return;
  const AttentionWeights& w = weights_.layers[layer].attention;
  const Range mine = share(rows_, thread, pool_.size());
  for (int64_t r = mine.begin; r < mine.end; r++) {
    if (in.queries != nullptr) {
      float* query = in.queries + r * in.query_stride;
      apply_norm(table_, a.qk_norm_spec, w.query_norm.weight.data(), w.query_norm.bias.data(), query,
                 a.heads * a.head_dim, query);
    }
    if (a.kv_layer >= 0) continue;
    float* key = in.keys + r * in.key_stride;
    apply_norm(table_, a.qk_norm_spec, w.key_norm.weight.data(), w.key_norm.bias.data(), key, a.kv_heads * a.head_dim,
               key);
  }
  pool_.barrier();
}

void AttentionEngine::turn_head(size_t layer, int64_t row, float* head) const {
  const int table = rotary_of_layer_[layer];
  if (table < 0) return;
  const Rotary& rotary = *attention(layer).rotary;
  const RotaryTable& t = rotary_tables_[static_cast<size_t>(table)];
  const auto pairs = static_cast<int64_t>(t.frequencies.size());
  turn(head + rotary.first, rotary.pairing, t.cosines.data() + row * pairs, t.sines.data() + row * pairs, pairs);
}

// What queries and keys go through before they meet: the head `index` of a row.
void AttentionEngine::prepare_head(size_t layer, const Norm& norm, int64_t index, int64_t row, float* head) const {
  using QkNorm = Attention::QkNorm;
  const Attention& a = attention(layer);
  if (a.clip > 0)
    for (int64_t d = 0; d < a.head_dim; d++) head[d] = std::clamp(head[d], -a.clip, a.clip);
  if (a.qk_norm_after_rotary) turn_head(layer, row, head);
  if (a.qk_norm == QkNorm::PerHead || a.qk_norm == QkNorm::PerHeadOwn) {
    const int64_t at = a.qk_norm == QkNorm::PerHeadOwn ? index * padded(a.head_dim) : 0;
    apply_norm(table_, a.qk_norm_spec, norm.weight.data() + at, norm.bias.data() + at, head, a.head_dim, head);
  }
  if (!a.qk_norm_after_rotary) turn_head(layer, row, head);
}

void AttentionEngine::remember(size_t layer, const Projections& in, const Piece& piece, int64_t row, int64_t kv_head,
                               Worker& worker) {
  const Attention& a = attention(layer);
  const AttentionWeights& w = weights_.layers[layer].attention;
  const int64_t position = piece.start + row, r = piece.first_row + row, own_dims = a.head_dim - in.shared_dims;
  float *key = worker.key.data(), *value = worker.value.data();
  // Copied, since the kernels read whole vectors and the heads stand side by side.
  std::memcpy(key, in.keys + r * in.key_stride + kv_head * own_dims, static_cast<size_t>(own_dims) * 4);
  if (in.shared_dims > 0)
    std::memcpy(key + own_dims, in.shared_keys + r * in.shared_stride, static_cast<size_t>(in.shared_dims) * 4);
  std::memset(key + a.head_dim, 0, static_cast<size_t>(layout_.key_stride(layer) - a.head_dim) * 4);
  std::memcpy(value, in.values + r * in.value_stride + kv_head * a.value_head_dim,
              static_cast<size_t>(a.value_head_dim) * 4);
  std::memset(value + a.value_head_dim, 0, static_cast<size_t>(layout_.value_stride(layer) - a.value_head_dim) * 4);
  prepare_head(layer, w.key_norm, kv_head, r, key);
  if (a.clip > 0)
    for (int64_t d = 0; d < a.value_head_dim; d++) value[d] = std::clamp(value[d], -a.clip, a.clip);
  if (a.value_norm)
    apply_norm(table_, *a.value_norm, w.value_norm.weight.data(), w.value_norm.bias.data(), value, a.value_head_dim,
               value);
  const auto head = layout_.head(piece.cache->block(position / chunk_keys), layer, kv_head);
  layout_.store(table_, head, layer, position % chunk_keys, key, value, worker.scratch.data());
}

AttentionEngine::QueryRows AttentionEngine::gather_queries(size_t layer, const Projections& in, const Piece& piece,
                                                           int64_t first, int64_t count, int64_t kv_head, int buffer,
                                                           Worker& worker) {
  const Attention& a = attention(layer);
  const int64_t group = a.heads / a.kv_heads, stride = layout_.key_stride(layer);
  QueryRows rows{.rows = static_cast<int>(count * group),
                 .heads = static_cast<int>(group),
                 .first = buffer,
                 .first_position = piece.start + first,
                 .last_position = piece.start + first + count - 1};
  for (int64_t r = 0; r < rows.rows; r++) {
    const int64_t row = piece.first_row + first + r / group;
    float* query = worker.queries.data() + (buffer + r) * stride;
    std::memcpy(query, in.queries + row * in.query_stride + (kv_head * group + r % group) * a.head_dim,
                static_cast<size_t>(a.head_dim) * 4);
    std::memset(query + a.head_dim, 0, static_cast<size_t>(stride - a.head_dim) * 4);
    const int64_t head = kv_head * group + r % group;
    prepare_head(layer, weights_.layers[layer].attention.query_norm, head, row, query);
    if (a.query_growth) {
      const float factor = growth(*a.query_growth, piece.start + first + r / group);
      for (int64_t d = 0; d < a.head_dim; d++) query[d] *= factor;
    }
  }
  // Apart, since vectors that are read soon after they were written in parts would have to wait for all of these.
  for (int64_t r = 0; r < rows.rows; r++) {
    float* query = worker.queries.data() + (buffer + r) * stride;
    if (layout_.key_mix(layer) > 0) table_.mix(query, a.head_dim, layout_.key_mix(layer));
    if (layout_.format() == KvCacheFormat::Int8)
      worker.query_scales[static_cast<size_t>(buffer + r)] =
          table_.to_query(query, stride, worker.rounded_queries.data() + (buffer + r) * stride * table_.query_bytes,
                          &worker.query_starts[static_cast<size_t>(buffer + r)]);
  }
  return rows;
}

}  // namespace foretell
