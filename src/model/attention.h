// Attention (Vaswani et al., arXiv:1706.03762) over the cached keys and values, for the rows of a batch.
//
// Softmax is taken over chunks of 256 keys that start at multiples of 256, and the chunks' results are merged in their
// order. So an answer does not depend on how a prompt was cut up, nor on the threads that shared the chunks.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "arch/spec.h"
#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "kernels/table.h"
#include "model/kv_cache.h"
#include "model/observer.h"
#include "model/weights.h"

namespace foretell {

// One sequence's part of a batch.
struct Piece {
  KvCache* cache = nullptr;
  int64_t first_row = 0, rows = 0;
  int64_t start = 0;   // the position of its first row
  int64_t length = 0;  // of the whole sequence after this step: some rotary scalings depend on it
};

// What a layer's projections left: rows of heads side by side. Strides in floats.
struct Projections {
  float* queries;  // [rows, heads * head_dim]; null where only keys and values are kept
  float* keys;     // [rows, kv_heads * head_dim], less the shared dimensions
  float* values;   // [rows, kv_heads * value_head_dim]
  int64_t query_stride, key_stride, value_stride;
  // LatentAttention: the last dimensions of the keys, which all heads share; [rows, shared_dims].
  const float* shared_keys = nullptr;
  int64_t shared_dims = 0, shared_stride = 0;
};

class AttentionEngine {
 public:
  AttentionEngine(const ModelSpec& spec, const Weights& weights, const kernels::Table& table, const KvLayout& layout,
                  ThreadPool& pool, int64_t max_rows, StreamObserver* follower = nullptr);

  // Before the threads start on a batch. The caches must have room for their rows.
  void begin(std::span<const Piece> pieces, int64_t rows);
  // Each thread computes the rotary angles of its rows; a barrier must follow.
  void compute_angles(int thread);

  // Called by all threads when the projections of `layer` are complete: keeps the new keys and values and attends.
  // Returns what each row's heads gathered, [rows, heads * value_head_dim] with output_stride(); with one row each
  // thread has its own copy, unless somebody follows the stream.
  float* attend(size_t layer, const Projections& in, int thread);
  // The same without attending.
  void keep(size_t layer, const Projections& in, int thread);
  int64_t output_stride() const { return output_stride_; }

 private:
  struct RotaryTable {
    const Rotary* rotary = nullptr;
    std::vector<float> frequencies;                     // [pairs], of a short sequence
    std::vector<std::vector<float>> piece_frequencies;  // of the batch's pieces, where they depend on the length
    float magnitude = 1;
    AlignedBuffer<float> cosines, sines;  // [rows, pairs]
  };
  // Queries that share a key-value head: rows are (query, head of the group), from `first` on in the worker's buffers.
  struct QueryRows {
    int rows = 0, heads = 0, first = 0;
    int64_t first_position = 0, last_position = 0;
  };
  struct Worker {
    AlignedBuffer<float> queries;                     // [rows, key stride]
    AlignedBuffer<std::byte> rounded_queries;         // [rows, key stride] of kernels::Table::query_bytes
    std::vector<float> query_scales;                  // [rows]
    std::vector<int32_t> query_starts;                // [rows]
    AlignedBuffer<float> scores;                      // [rows, chunk_keys]: scores, then weights
    AlignedBuffer<int32_t> scores32;                  // [rows, chunk_keys]
    AlignedBuffer<int16_t> weights16;                 // [rows, chunk_keys]
    std::vector<float> weight_scales;                 // [rows]
    AlignedBuffer<float> gathered;                    // [rows, value stride]: one chunk's weighted sum of values
    AlignedBuffer<float> total;                       // [rows, value stride]: of the chunks so far
    std::vector<kernels::SoftmaxRow> chunk, running;  // [rows]
    AlignedBuffer<float> key, value;                  // one head's, padded with zeros
    AlignedBuffer<float> nothing;                     // [value stride] zeros
    AlignedBuffer<int8_t> scratch;                    // for KvLayout::store
    AlignedBuffer<float> output;                      // [heads * value_head_dim], for a batch of one row
    std::vector<float> followed;                      // [rows, keys]: the weights, for a follower
    std::vector<QueryRows> split;                     // [kv heads], for a batch of one row; no rows: not gathered yet
  };
  struct Task {
    int64_t piece, first, count;  // rows of a piece, from `first` on
  };
  static constexpr float nothing_seen = -1e30f;  // the maximum of a row that saw no key yet

  const Attention& attention(size_t layer) const { return *attention_of(spec_.layers[layer]); }

  // attention.cpp: who computes what.
  int64_t oldest(size_t layer, int64_t position) const;
  void remember_share(size_t layer, const Projections& in, int thread);
  void attend_task(size_t layer, const Projections& in, const Task& task, int64_t kv_head, Worker& worker);
  void attend_split(size_t layer, const Projections& in, int thread);
  float* merge_split(size_t layer, Worker& worker);
  int64_t first_chunk(size_t layer, int64_t position) const { return oldest(layer, position) / kernels::chunk_keys; }

  // attention_heads.cpp: what happens to queries, keys and values before they meet.
  int rotary_table(const Rotary& rotary, int64_t max_rows);
  void normalize_whole(size_t layer, const Projections& in, int thread) const;
  void prepare_head(size_t layer, const Norm& norm, int64_t index, int64_t row, float* head) const;
  void turn_head(size_t layer, int64_t row, float* head) const;
  void remember(size_t layer, const Projections& in, const Piece& piece, int64_t row, int64_t kv_head, Worker& worker);
  QueryRows gather_queries(size_t layer, const Projections& in, const Piece& piece, int64_t first, int64_t count,
                           int64_t kv_head, int buffer, Worker& worker);

  // attention_chunks.cpp: queries and a chunk of keys and values.
  void attend_chunk(size_t layer, const KvCache& cache, int64_t kv_head, int64_t chunk, const QueryRows& rows,
                    Worker& worker);
  void weigh_floats(size_t layer, int64_t kv_head, int64_t first_key, const KvLayout::Head& head, int end,
                    const QueryRows& rows, Worker& worker);
  void weigh_integers(size_t layer, const KvLayout::Head& head, int end, const QueryRows& rows, Worker& worker);
  void merge_chunk(int64_t values, kernels::SoftmaxRow& running, float* total, const kernels::SoftmaxRow& chunk,
                   const float* gathered) const;
  void merge_sink(size_t layer, int64_t head, kernels::SoftmaxRow& running, float* total, const Worker& worker) const;
  void follow_chunk(size_t layer, int64_t first_key, const QueryRows& rows, Worker& worker) const;
  void follow_head(size_t layer, int64_t head, int64_t row, int r, const QueryRows& rows, Worker& worker) const;
  void finish_head(size_t layer, float* gathered, float* out) const;

  const ModelSpec& spec_;
  const Weights& weights_;
  const kernels::Table& table_;
  const KvLayout& layout_;
  ThreadPool& pool_;
  StreamObserver* const follower_;

  std::span<const Piece> pieces_;
  int64_t rows_ = 0;
  std::vector<int64_t> positions_;  // [rows]
  std::vector<Task> tasks_;
  std::atomic<int64_t> next_task_{0};

  std::vector<RotaryTable> rotary_tables_;
  std::vector<int> rotary_of_layer_;  // an index into rotary_tables_, or -1
  int64_t tile_queries_ = 1;          // queries of one task
  int64_t output_stride_ = 0;
  AlignedBuffer<float> output_;  // [rows, heads * value_head_dim]
  std::vector<Worker> workers_;

  // For a batch of one row: what each head has from each chunk.
  int64_t split_chunks_ = 0;
  std::vector<kernels::SoftmaxRow> split_rows_;  // [heads, chunks]
  AlignedBuffer<float> split_values_;            // [heads, chunks, value stride]
};

}  // namespace foretell
