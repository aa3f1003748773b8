// The one forward pass: token ids in, logits out, for every architecture that a ModelSpec can describe.
//
// All threads of the pool run the same steps side by side (Worker says which one this is): each step's outputs are
// shared out, never its inputs, so the sums do not depend on the number of threads. A barrier stands where a step reads
// what others wrote. Rows are the tokens of a batch; what a row computes does not depend on the other rows of its
// batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arch/spec.h"
#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "foretell/model.h"
#include "kernels/table.h"
#include "model/attention.h"
#include "model/kv_cache.h"
#include "model/tiles.h"
#include "model/weights.h"

namespace foretell {

class Forward {
 public:
  Forward(const ModelSpec& spec, const Weights& weights, const kernels::Table& table, ThreadPool& pool,
          Precision precision);

  static constexpr int64_t max_rows = 256;       // tokens of one batch
  static constexpr int64_t max_logit_rows = 16;  // rows of logits that are computed at once

  // Runs the rows of a batch through the layers and leaves their hidden states in place. The caches must have room.
  void run(std::span<const Piece> pieces, std::span<const TokenId> tokens);
  // The logits of some rows of the last batch: [rows.size()] times logits_stride() floats; at most max_logit_rows.
  const float* logits(std::span<const int64_t> rows);
  int64_t logits_stride() const { return logits_stride_; }

  const KvLayout& kv_layout() const { return kv_layout_; }

 private:
  struct Worker {  // a thread's number and what it computes for itself
    int thread = 0;
    AlignedBuffer<float> rows;                     // [tile rows, hidden]
    Tiles normed, heads;                           // of a batch of one row, or of the rows that want logits
    AlignedBuffer<float> products, more_products;  // [tile rows, 32]
  };

  void layer(size_t index, Worker& me);
  void embed(Worker& me);
  const Tiles& normalize(const Norm& norm, const NormSpec& spec, Worker& me);
  const Tiles& tiles_of_heads(const float* rows, int64_t cols, Worker& me);
  void project(const Linear& linear, const Tiles& input, const AlignedBuffer<float>& out, int64_t stride, Worker& me);
  void add_projection(const Linear& linear, const Tiles& input, Worker& me);
  void expand(const LayerWeights& weights, const Dense& mlp, const Tiles& input, Worker& me);

  // Calls emit(unit, first row, rows, products [rows, 32]) for this thread's share of the outputs, biases included.
  template <class Emit>
  void multiply(const Linear& linear, const Tiles& input, int64_t rows, Worker& me, Emit&& emit);
  void product(const Linear& linear, int64_t unit, const Tiles& input, int64_t first_row, int count, float* out) const;
  InputFormat input_format(const PackedMatrix& matrix) const;
  void norm_row(const Norm& norm, const NormSpec& spec, const float* x, float* out) const;
  int tile_count(int64_t first_row, int64_t rows) const;

  const ModelSpec& spec_;
  const Weights& weights_;
  const kernels::Table& table_;
  ThreadPool& pool_;
  const Precision precision_;
  KvLayout kv_layout_;
  AttentionEngine attention_;

  // The batch in hand.
  std::span<const Piece> pieces_;
  std::span<const TokenId> tokens_;
  int64_t rows_ = 0;

  // Scratch, sized once by the largest layer. Strides are padded to kernels::unit_rows floats, and the padding is zero.
  int64_t hidden_stride_ = 0, query_stride_ = 0, key_stride_ = 0, value_stride_ = 0, logits_stride_ = 0;
  AlignedBuffer<float> hidden_;   // [rows, hidden]: the residual stream
  AlignedBuffer<float> queries_;  // [rows, heads * head_dim]
  AlignedBuffer<float> keys_;     // [rows, kv_heads * head_dim]
  AlignedBuffer<float> values_;   // [rows, kv_heads * value_head_dim]
  AlignedBuffer<float> logits_;   // [max_logit_rows, vocabulary]
  Tiles normed_;                  // [rows, hidden]
  Tiles heads_;                   // [rows, heads * value_head_dim]
  Tiles expanded_;                // [rows, intermediate]
  std::vector<Worker> workers_;
};

}  // namespace foretell
