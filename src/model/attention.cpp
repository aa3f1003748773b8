#include "model/attention.h"

#include <algorithm>
#include <cstring>

#include "model/padding.h"
#include "model/rotary.h"

namespace foretell {
namespace {

using kernels::chunk_keys;
using kernels::SoftmaxRow;

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
    w.rounded_queries = AlignedBuffer<std::byte>(queries * key_stride * table.query_bytes);
    w.split.resize(static_cast<size_t>(kv_heads));
    w.scores = AlignedBuffer<float>(rows * chunk_keys);
    w.scores32 = AlignedBuffer<int32_t>(rows * chunk_keys);
    w.weights16 = AlignedBuffer<int16_t>(rows * chunk_keys);
    w.gathered = AlignedBuffer<float>(rows * value_stride);
    w.total = AlignedBuffer<float>(std::max(rows, heads) * value_stride);
    w.query_scales.resize(static_cast<size_t>(queries));
    w.query_starts.resize(static_cast<size_t>(queries));
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

float* AttentionEngine::attend(size_t layer, const Projections& in, int thread) {
  Worker& worker = workers_[static_cast<size_t>(thread)];
  normalize_whole(layer, in, thread);
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
  normalize_whole(layer, in, thread);
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
