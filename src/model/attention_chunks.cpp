// Queries and a chunk of keys and values: scores, their softmax, the sums, and how chunks are put together.
#include "model/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "model/padding.h"

namespace foretell {
namespace {

using kernels::chunk_keys;
using kernels::key_columns;
using kernels::SoftmaxRow;

constexpr float log2_e = 1.44269504f;

float rounded_to_bf16(float x) { return float_from_bf16(bf16_from_float(x)); }

// Scores fall with the distance to the key; `query` is the query's position counted from the chunk's first key.
void add_alibi(const SoftmaxRow& row, int64_t query, float slope, float* scores) {
  for (int j = row.begin; j < row.end; j++) scores[j] += slope * static_cast<float>(j - query);
}

// The same with what the key's own position gives, rounded: see Attention::alibi_rounded.
void add_rounded_alibi(const SoftmaxRow& row, int64_t first_key, float slope, float* scores) {
  for (int j = row.begin; j < row.end; j++)
    scores[j] += rounded_to_bf16(rounded_to_bf16(slope) * rounded_to_bf16(static_cast<float>(first_key + j)));
}

}  // namespace

// Scores of `end` keys, their softmax, and the sum of the values so weighted; computed in float32.
void AttentionEngine::weigh_floats(size_t layer, int64_t kv_head, int64_t first_key, const KvLayout::Head& head,
                                   int end, const QueryRows& rows, Worker& worker) {
  const Attention& a = attention(layer);
  const int64_t key_stride = layout_.key_stride(layer), value_stride = layout_.value_stride(layer);
  const auto product = table_.matrix_product[static_cast<int>(
      layout_.format() == KvCacheFormat::Float16 ? kernels::Format::Float16 : kernels::Format::Float32)];
  for (int b = 0; b < end; b += key_columns)
    product(worker.queries.data() + rows.first * key_stride, key_stride, rows.rows,
            head.keys + b * layout_.kept_key_dims(layer) * layout_.element_bytes(), key_columns, a.head_dim,
            key_columns, worker.scores.data() + b, chunk_keys);
  for (int r = 0; r < rows.rows; r++) {
    SoftmaxRow& row = worker.chunk[static_cast<size_t>(r)];
    float* scores = worker.scores.data() + r * chunk_keys;
    if (!a.alibi.empty()) {
      const float slope = a.alibi[static_cast<size_t>(kv_head * rows.heads + r % rows.heads)] / a.scale;
      if (a.alibi_rounded) {
        add_rounded_alibi(row, first_key, slope, scores);
      } else {
        add_alibi(row, rows.first_position + r / rows.heads - first_key, slope, scores);
      }
    }
    const int64_t done = row.begin < row.end ? round_up(row.end, 16) : 0;
    if (done > 0) table_.softmax(row, scores);
    if (done < end) std::memset(scores + done, 0, static_cast<size_t>(end - done) * 4);
  }
  product(worker.scores.data(), chunk_keys, rows.rows, head.values, value_stride, end, value_stride,
          worker.gathered.data(), value_stride);
}

// The same with queries, keys and values in 8 bits and weights in 16: the products are exact. (Weights in 8 bits would
// lose those that are small beside the largest.)
void AttentionEngine::weigh_integers(size_t layer, const KvLayout::Head& head, int end, const QueryRows& rows,
                                     Worker& worker) {
  const int64_t key_stride = layout_.key_stride(layer), value_stride = layout_.value_stride(layer),
                dims = layout_.kept_key_dims(layer);
  const auto* keys = reinterpret_cast<const uint8_t*>(head.keys);
  for (int b = 0; b < end; b += key_columns)
    table_.key_product(worker.rounded_queries.data() + rows.first * key_stride * table_.query_bytes, key_stride,
                       rows.rows, worker.query_starts.data() + rows.first, keys + b * dims, dims / 4,
                       worker.scores32.data() + b, chunk_keys);
  const int padded_end = static_cast<int>(round_up(end, 2));
  for (int r = 0; r < rows.rows; r++)
    worker.chunk[static_cast<size_t>(r)].scale *= worker.query_scales[static_cast<size_t>(rows.first + r)];
  table_.integer_softmax(worker.chunk.data(), rows.rows, worker.scores32.data(), head.key_scales, head.value_scales,
                         padded_end, worker.scores.data(), worker.weights16.data(), worker.weight_scales.data());
  table_.integer_product(worker.weights16.data(), chunk_keys, rows.rows, worker.weight_scales.data(),
                         reinterpret_cast<const int8_t*>(head.values), 2 * value_stride, padded_end / 2, value_stride,
                         worker.gathered.data(), value_stride);
}

void AttentionEngine::attend_chunk(size_t layer, const KvCache& cache, int64_t kv_head, int64_t chunk,
                                   const QueryRows& rows, Worker& worker) {
  const Attention& a = attention(layer);
  const int64_t first_key = chunk * chunk_keys;
  const int end = static_cast<int>(std::min<int64_t>(chunk_keys, rows.last_position + 1 - first_key));
  for (int r = 0; r < rows.rows; r++) {
    const int64_t position = rows.first_position + r / rows.heads;
    SoftmaxRow& row = worker.chunk[static_cast<size_t>(r)];
    row.begin = static_cast<int>(std::clamp<int64_t>(oldest(layer, position) - first_key, 0, chunk_keys));
    row.end = static_cast<int>(std::clamp<int64_t>(position + 1 - first_key, 0, chunk_keys));
    row.cap = a.logit_cap;
    row.scale = a.logit_cap == 0 ? a.scale * log2_e : a.scale;
  }
  const auto head = layout_.head(cache.block(chunk), layer, kv_head);
  if (layout_.format() == KvCacheFormat::Int8) {
    weigh_integers(layer, head, end, rows, worker);
  } else {
    weigh_floats(layer, kv_head, first_key, head, end, rows, worker);
  }
}

// Adds a chunk to what the row has from the chunks before: both are brought to the larger of the two maxima.
void AttentionEngine::merge_chunk(int64_t values, SoftmaxRow& running, float* total, const SoftmaxRow& chunk,
                                  const float* gathered) const {
  if (chunk.begin >= chunk.end) return;  // the row saw nothing of it
  if (running.maximum == nothing_seen) {
    running = chunk;
    std::memcpy(total, gathered, static_cast<size_t>(values) * 4);
    return;
  }
  const float top = std::max(running.maximum, chunk.maximum);
  table_.merge(total, gathered, running.maximum - top, chunk.maximum - top, values, &running.sum, chunk.sum);
  running.maximum = top;
}

// The head's learned score takes part in the softmax like a key whose value is nothing.
void AttentionEngine::merge_sink(size_t layer, int64_t head, SoftmaxRow& running, float* total,
                                 const Worker& worker) const {
  if (!attention(layer).sinks) return;
  const SoftmaxRow sink{
      .begin = 0, .end = 1, .maximum = weights_.layers[layer].attention.sinks[head] * log2_e, .sum = 1};
  merge_chunk(layout_.value_stride(layer), running, total, sink, worker.nothing.data());
}

// Keeps the logarithms (to base 2) of a chunk's weights, so that the chunks can be put on one scale later.
void AttentionEngine::follow_chunk(size_t layer, int64_t first_key, const QueryRows& rows, Worker& worker) const {
  const int64_t keys = rows.last_position + 1;
  const bool first = first_key / chunk_keys == first_chunk(layer, rows.first_position);
  if (first) worker.followed.assign(static_cast<size_t>(rows.rows * keys), -INFINITY);
  for (int r = 0; r < rows.rows; r++) {
    const SoftmaxRow& row = worker.chunk[static_cast<size_t>(r)];
    const float* weights = worker.scores.data() + r * chunk_keys;
    float* to = worker.followed.data() + r * keys + first_key;
    for (int j = row.begin; j < row.end; j++) to[j] = std::log2(weights[j]) + row.maximum;
  }
}

void AttentionEngine::follow_head(size_t layer, int64_t head, int64_t row, int r, const QueryRows& rows,
                                  Worker& worker) const {
  const SoftmaxRow& all = worker.running[static_cast<size_t>(r)];
  const int64_t keys = rows.last_position + 1, seen = rows.first_position + r / rows.heads + 1;
  float* weights = worker.followed.data() + r * keys;
  for (int64_t j = 0; j < seen; j++) weights[j] = std::exp2(weights[j] - all.maximum) / all.sum;
  follower_->attention(static_cast<int64_t>(layer), head, row, weights, seen);
}

// What a head gathered, as it was before its values were mixed.
void AttentionEngine::finish_head(size_t layer, float* gathered, float* out) const {
  const int64_t dim = attention(layer).value_head_dim;
  if (layout_.value_mix(layer) > 0) table_.mix(gathered, dim, layout_.value_mix(layer));
  std::memcpy(out, gathered, static_cast<size_t>(dim) * 4);
}

}  // namespace foretell
