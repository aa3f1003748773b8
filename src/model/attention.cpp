#include "model/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/exact_math.h"
#include "base/float16.h"
#include "model/norm.h"
#include "model/padding.h"
#include "model/rotary.h"

namespace foretell {
namespace {

using kernels::chunk_keys;
using kernels::key_columns;
using kernels::SoftmaxRow;

constexpr float log2_e = 1.44269504f;
constexpr float nothing_seen = -1e30f;  // the maximum of a row that saw no key yet

// See QueryGrowth.
float growth(const QueryGrowth& g, int64_t position) {
  const double steps = std::floor(static_cast<double>(position + g.shift) / g.floor_scale);
  return static_cast<float>(exact_log(1 + steps) * g.scale + 1);
}

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

void divide(float* x, float by, int64_t n) {
  for (int64_t i = 0; i < n; i++) x[i] /= by;
}

// What is read next begins in another place than what is read now ends: the hardware does not find it by itself.
void fetch_ahead(const KvLayout::Head& head) {
  constexpr int64_t bytes = 4096, line = 64;
  for (int64_t i = 0; i < bytes; i += line) __builtin_prefetch(head.keys + i);
}

}  // namespace

AttentionEngine::AttentionEngine(const ModelSpec& spec, const Weights& weights, const kernels::Table& table,
                                 const KvLayout& layout, ThreadPool& pool, int64_t max_rows, StreamObserver* follower)
    : spec_(spec), weights_(weights), table_(table), layout_(layout), pool_(pool), follower_(follower) {
  int64_t heads = 0, kv_heads = 0, group = 1, key_stride = 0, value_stride = 0;
  for (size_t l = 0; l < spec.layers.size(); l++) {
    rotary_of_layer_.push_back(-1);
    if (attention_of(spec.layers[l]) == nullptr) continue;
    const Attention& a = attention(l);
    heads = std::max(heads, a.heads);
    kv_heads = std::max(kv_heads, a.kv_heads);
    group = std::max(group, a.heads / a.kv_heads);
    key_stride = std::max(key_stride, layout.key_stride(l));
    value_stride = std::max(value_stride, layout.value_stride(l));
    output_stride_ = std::max(output_stride_, padded(a.heads * a.value_head_dim));
    if (a.rotary) rotary_of_layer_.back() = rotary_table(*a.rotary, max_rows);
  }
  positions_.resize(static_cast<size_t>(max_rows));
  output_ = AlignedBuffer<float>(max_rows * output_stride_);
  tile_queries_ = std::clamp<int64_t>(24 / group, 1, 8);
  const int64_t rows = tile_queries_ * group, queries = std::max(rows, heads);
  for (int t = 0; t < pool.size(); t++) {
    Worker w;
    w.queries = AlignedBuffer<float>(queries * key_stride);
    w.queries16 = AlignedBuffer<int16_t>(queries * key_stride);
    w.split.resize(static_cast<size_t>(kv_heads));
    w.scores = AlignedBuffer<float>(rows * chunk_keys);
    w.scores32 = AlignedBuffer<int32_t>(rows * chunk_keys);
    w.weights16 = AlignedBuffer<int16_t>(rows * chunk_keys);
    w.gathered = AlignedBuffer<float>(rows * value_stride);
    w.gathered32 = AlignedBuffer<int32_t>(rows * value_stride);
    w.total = AlignedBuffer<float>(std::max(rows, heads) * value_stride);
    w.query_scales.resize(static_cast<size_t>(queries));
    w.weight_scales.resize(static_cast<size_t>(rows));
    w.chunk.resize(static_cast<size_t>(rows));
    w.running.resize(static_cast<size_t>(std::max(rows, heads)));
    w.key = AlignedBuffer<float>(key_stride);
    w.value = AlignedBuffer<float>(value_stride);
    w.nothing = AlignedBuffer<float>(value_stride);
    w.scratch = AlignedBuffer<int8_t>(2 * std::max(key_stride, value_stride));
    w.output = AlignedBuffer<float>(output_stride_);
    workers_.push_back(std::move(w));
  }
}

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

void AttentionEngine::begin(std::span<const Piece> pieces, int64_t rows) {
  pieces_ = pieces;
  rows_ = rows;
  tasks_.clear();
  int64_t chunks = 0;
  for (size_t p = 0; p < pieces.size(); p++) {
    const Piece& piece = pieces[p];
    for (int64_t r = 0; r < piece.rows; r++) positions_[static_cast<size_t>(piece.first_row + r)] = piece.start + r;
    chunks = std::max(chunks, (piece.start + piece.rows - 1) / chunk_keys + 1);
    for (int64_t first = 0; first < piece.rows; first += tile_queries_)
      tasks_.push_back({static_cast<int64_t>(p), first, std::min(tile_queries_, piece.rows - first)});
  }
  for (RotaryTable& t : rotary_tables_) {
    t.piece_frequencies.clear();
    for (const Piece& piece : pieces)
      t.piece_frequencies.push_back(rotary_regime(*t.rotary, piece.length) == 0
                                        ? std::vector<float>{}
                                        : rotary_frequencies(*t.rotary, piece.length));
  }
  // The longest first: the short ones then even out what the threads have left.
  std::sort(tasks_.begin(), tasks_.end(), [&](const Task& a, const Task& b) {
    const int64_t before_a = pieces[static_cast<size_t>(a.piece)].start + a.first;
    const int64_t before_b = pieces[static_cast<size_t>(b.piece)].start + b.first;
    return before_a != before_b ? before_a > before_b : a.piece < b.piece;
  });
  if (rows == 1 && chunks > split_chunks_) {
    split_chunks_ = round_up(chunks, 16);
    int64_t heads = 0, value_stride = 0;
    for (size_t l = 0; l < spec_.layers.size(); l++) {
      if (attention_of(spec_.layers[l]) == nullptr) continue;
      heads = std::max(heads, attention(l).heads);
      value_stride = std::max(value_stride, layout_.value_stride(l));
    }
    split_rows_.resize(static_cast<size_t>(heads * split_chunks_));
    split_values_ = AlignedBuffer<float>(heads * split_chunks_ * value_stride);
  }
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

float* AttentionEngine::attend(size_t layer, const Projections& in, int thread) {
  Worker& worker = workers_[static_cast<size_t>(thread)];
  if (attention(layer).qk_norm == Attention::QkNorm::Whole) {
    normalize_whole(layer, in, thread);
    pool_.barrier();
  }
  if (rows_ == 1 && follower_ == nullptr) {
    attend_split(layer, in, thread);
    pool_.barrier();
    return merge_split(layer, worker);
  }
  const int64_t kv_heads = attention(layer).kv_heads;
  remember_share(layer, in, thread);
  if (thread == 0) next_task_.store(0, std::memory_order_relaxed);
  pool_.barrier();
  const auto tasks = static_cast<int64_t>(tasks_.size());
  for (int64_t i; (i = next_task_.fetch_add(1, std::memory_order_relaxed)) < tasks * kv_heads;)
    attend_task(layer, in, tasks_[static_cast<size_t>(i / kv_heads)], i % kv_heads, worker);
  pool_.barrier();
  return output_.data();
}

void AttentionEngine::keep(size_t layer, const Projections& in, int thread) {
  if (attention(layer).qk_norm == Attention::QkNorm::Whole) {
    normalize_whole(layer, in, thread);
    pool_.barrier();
  }
  remember_share(layer, in, thread);
}

// This thread's share of the batch's keys and values.
void AttentionEngine::remember_share(size_t layer, const Projections& in, int thread) {
  if (attention(layer).kv_layer >= 0) return;  // another layer has kept them
  const Range mine = share(rows_, thread, pool_.size());
  for (const Piece& piece : pieces_) {
    const int64_t end = std::min(mine.end - piece.first_row, piece.rows);
    for (int64_t r = std::max<int64_t>(mine.begin - piece.first_row, 0); r < end; r++)
      for (int64_t h = 0; h < attention(layer).kv_heads; h++)
        remember(layer, in, piece, r, h, workers_[static_cast<size_t>(thread)]);
  }
}

// The oldest key that a token sees.
int64_t AttentionEngine::oldest(size_t layer, int64_t position) const {
  const Attention& a = attention(layer);
  const int64_t in_window = a.window > 0 ? std::max<int64_t>(0, position - a.window + 1) : 0;
  return std::max(in_window, a.chunk > 0 ? position / a.chunk * a.chunk : 0);
}

// The norm over all heads of a row at once.
void AttentionEngine::normalize_whole(size_t layer, const Projections& in, int thread) const {
  const Attention& a = attention(layer);
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
          table_.to_int16(query, stride, worker.queries16.data() + (buffer + r) * stride);
  }
  return rows;
}

// Scores of `end` keys, their softmax, and the sum of the values so weighted; computed in float32.
void AttentionEngine::weigh_floats(size_t layer, int64_t kv_head, int64_t first_key, const KvLayout::Head& head,
                                   int end, const QueryRows& rows, Worker& worker) {
  const Attention& a = attention(layer);
  const int64_t key_stride = layout_.key_stride(layer), value_stride = layout_.value_stride(layer);
  const auto product = table_.matrix_product[static_cast<int>(
      layout_.format() == KvCacheFormat::Float16 ? kernels::Format::Float16 : kernels::Format::Float32)];
  for (int b = 0; b < end; b += key_columns)
    product(worker.queries.data() + rows.first * key_stride, key_stride, rows.rows,
            head.keys + b * round_up(a.head_dim, 2) * layout_.element_bytes(), key_columns, a.head_dim, key_columns,
            worker.scores.data() + b, chunk_keys);
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

// The same with 8-bit keys and values, and queries and weights in 16 bits: the products are exact.
void AttentionEngine::weigh_integers(size_t layer, const KvLayout::Head& head, int end, const QueryRows& rows,
                                     Worker& worker) {
  const Attention& a = attention(layer);
  const int64_t key_stride = layout_.key_stride(layer), value_stride = layout_.value_stride(layer),
                even_dim = round_up(a.head_dim, 2);
  const auto* keys = reinterpret_cast<const int8_t*>(head.keys);
  for (int b = 0; b < end; b += key_columns)
    table_.integer_product(worker.queries16.data() + rows.first * key_stride, key_stride, rows.rows,
                           keys + b * even_dim, 2 * key_columns, even_dim / 2, key_columns, worker.scores32.data() + b,
                           chunk_keys);
  const int padded_end = static_cast<int>(round_up(end, 2));
  for (int r = 0; r < rows.rows; r++)
    worker.chunk[static_cast<size_t>(r)].scale *= worker.query_scales[static_cast<size_t>(rows.first + r)];
  table_.integer_softmax(worker.chunk.data(), rows.rows, worker.scores32.data(), head.key_scales, head.value_scales,
                         padded_end, worker.scores.data(), worker.weights16.data(), worker.weight_scales.data());
  table_.integer_product(worker.weights16.data(), chunk_keys, rows.rows, reinterpret_cast<const int8_t*>(head.values),
                         2 * value_stride, padded_end / 2, value_stride, worker.gathered32.data(), value_stride);
  for (int r = 0; r < rows.rows; r++) {
    const float scale = worker.weight_scales[static_cast<size_t>(r)];
    const int32_t* from = worker.gathered32.data() + r * value_stride;
    float* to = worker.gathered.data() + r * value_stride;
    for (int64_t d = 0; d < value_stride; d++) to[d] = static_cast<float>(from[d]) * scale;
  }
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

void AttentionEngine::attend_task(size_t layer, const Projections& in, const Task& task, int64_t kv_head,
                                  Worker& worker) {
  const Attention& a = attention(layer);
  const Piece& piece = pieces_[static_cast<size_t>(task.piece)];
  const int64_t value_stride = layout_.value_stride(layer);
  const QueryRows rows = gather_queries(layer, in, piece, task.first, task.count, kv_head, 0, worker);
  for (int r = 0; r < rows.rows; r++) worker.running[static_cast<size_t>(r)].maximum = nothing_seen;
  for (int64_t c = first_chunk(layer, rows.first_position); c * chunk_keys <= rows.last_position; c++) {
    attend_chunk(layer, *piece.cache, kv_head, c, rows, worker);
    if (follower_ != nullptr) follow_chunk(layer, c * chunk_keys, rows, worker);
    for (int r = 0; r < rows.rows; r++)
      merge_chunk(value_stride, worker.running[static_cast<size_t>(r)], worker.total.data() + r * value_stride,
                  worker.chunk[static_cast<size_t>(r)], worker.gathered.data() + r * value_stride);
  }
  for (int r = 0; r < rows.rows; r++) {
    const int64_t row = piece.first_row + task.first + r / rows.heads, head = kv_head * rows.heads + r % rows.heads;
    float* total = worker.total.data() + r * value_stride;
    merge_sink(layer, head, worker.running[static_cast<size_t>(r)], total, worker);
    if (follower_ != nullptr) follow_head(layer, head, row, r, rows, worker);
    divide(total, worker.running[static_cast<size_t>(r)].sum, a.value_head_dim);
  }
  for (int r = 0; r < rows.rows; r++) {
    const int64_t row = piece.first_row + task.first + r / rows.heads, head = kv_head * rows.heads + r % rows.heads;
    finish_head(layer, worker.total.data() + r * value_stride,
                output_.data() + row * output_stride_ + head * a.value_head_dim);
  }
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

// One row: chunks and heads are shared out, in the order in which they stand in memory. The thread that has the newest
// chunk of a head also keeps the new key and value there.
void AttentionEngine::attend_split(size_t layer, const Projections& in, int thread) {
  const Attention& a = attention(layer);
  const Piece& piece = pieces_.front();
  Worker& worker = workers_[static_cast<size_t>(thread)];
  const int64_t first = first_chunk(layer, piece.start), newest = piece.start / chunk_keys;
  const int64_t value_stride = layout_.value_stride(layer), group = a.heads / a.kv_heads;
  const Range mine = share(a.kv_heads * (newest + 1 - first), thread, pool_.size());
  std::fill(worker.split.begin(), worker.split.end(), QueryRows{});
  for (int64_t i = mine.begin; i < mine.end; i++) {
    const int64_t chunk = first + i / a.kv_heads, kv_head = i % a.kv_heads;
    QueryRows& rows = worker.split[static_cast<size_t>(kv_head)];
    if (rows.rows == 0)
      rows = gather_queries(layer, in, piece, 0, 1, kv_head, static_cast<int>(kv_head * group), worker);
    if (i + 1 < mine.end && kv_head + 1 == a.kv_heads)
      fetch_ahead(layout_.head(piece.cache->block(chunk + 1), layer, 0));
    if (chunk == newest && a.kv_layer < 0) remember(layer, in, piece, 0, kv_head, worker);
    attend_chunk(layer, *piece.cache, kv_head, chunk, rows, worker);
    for (int r = 0; r < rows.rows; r++) {
      const int64_t at = (kv_head * group + r) * split_chunks_ + chunk - first;
      split_rows_[static_cast<size_t>(at)] = worker.chunk[static_cast<size_t>(r)];
      std::memcpy(split_values_.data() + at * value_stride, worker.gathered.data() + r * value_stride,
                  static_cast<size_t>(value_stride) * 4);
    }
  }
}

float* AttentionEngine::merge_split(size_t layer, Worker& worker) {
  const Attention& a = attention(layer);
  const int64_t position = pieces_.front().start, value_stride = layout_.value_stride(layer);
  const int64_t chunks = position / chunk_keys + 1 - first_chunk(layer, position);
  for (int64_t h = 0; h < a.heads; h++) {
    SoftmaxRow running{.maximum = nothing_seen};
    float* total = worker.total.data();
    for (int64_t at = h * split_chunks_; at < h * split_chunks_ + chunks; at++)
      merge_chunk(value_stride, running, total, split_rows_[static_cast<size_t>(at)],
                  split_values_.data() + at * value_stride);
    merge_sink(layer, h, running, total, worker);
    divide(total, running.sum, a.value_head_dim);
    finish_head(layer, total, worker.output.data() + h * a.value_head_dim);
  }
  return worker.output.data();
}

}  // namespace foretell
