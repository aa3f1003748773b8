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
#include "model/observer.h"
#include "model/padding.h"
#include "model/router.h"
#include "model/tiles.h"
#include "model/weights.h"

namespace foretell {

// Rows of floats, padded with zeros to a multiple of kernels::unit_rows.
struct RowBuffer {
  AlignedBuffer<float> data;
  int64_t stride = 0;
  RowBuffer() = default;
  RowBuffer(int64_t rows, int64_t cols) : stride(padded(cols)) { data = AlignedBuffer<float>(rows * stride); }
  float* row(int64_t r) const { return data.data() + r * stride; }
};

// The inputs of products. One row is quicker made by every thread for itself than waited for.
struct Inputs {
  Tiles shared;
  std::vector<Tiles> own;  // one row each, by thread
};

class Forward {
 public:
  // `observer`, where there is one, sees the inputs of all products; the results are the same. `follower` follows the
  // stream.
  Forward(const ModelSpec& spec, const Weights& weights, const kernels::Table& table, ThreadPool& pool,
          Precision precision, KvCacheFormat kv_cache, Observer* observer = nullptr,
          StreamObserver* follower = nullptr);

  static constexpr int64_t max_rows = 256;                       // tokens of one batch
  static constexpr int64_t max_logit_rows = Model::logits_kept;  // rows of logits that are computed at once

  // Runs the rows of a batch through the layers and leaves their hidden states in place. The caches must have room.
  void run(std::span<const Piece> pieces, std::span<const TokenId> tokens);
  // The same where only the hidden states of some rows are wanted, in ascending order: the last layer then keeps the
  // keys and values of all, and does the rest for these.
  void run(std::span<const Piece> pieces, std::span<const TokenId> tokens, std::span<const int64_t> wanted);
  // The logits of some rows of the last batch: [rows.size()] times logits_stride() floats; at most max_logit_rows.
  const float* logits(std::span<const int64_t> rows);
  // The same from the stream as it is: without the final norm, the scale and the cap.
  const float* early_logits(std::span<const int64_t> rows);
  int64_t logits_stride() const { return logits_.stride; }
  // What the unembedding reads of some rows of the last batch, after the final norm: [rows.size()][final_dims()] into
  // `out`; any number of rows.
  void hidden_states(std::span<const int64_t> rows, float* out);
  int64_t final_dims() const { return spec_.embedding_dim > 0 ? spec_.embedding_dim : spec_.hidden; }
  // The residual stream of a row of the last batch, [hidden]: what was put there instead is what logits() reads.
  float* stream(int64_t row) const { return hidden_.row(row); }
  // From now on keeps the stream of each batch's last wanted row as it was before some layers; none: no more.
  void keep_streams(std::span<const int64_t> before);
  // [hidden]: before the index-th of these layers.
  const float* kept_stream(size_t index) const { return kept_.row(static_cast<int64_t>(index)); }

  const KvLayout& kv_layout() const { return kv_layout_; }

 private:
  struct Worker {  // a thread's number and what it computes for itself
    int thread = 0;
    RowBuffer rows;                                // [tile rows, the widest input]
    Tiles last, last_projected;                    // of the rows that want logits
    AlignedBuffer<float> products, more_products;  // [tile rows, 32]
    std::vector<float> row_factors;                // [rows]
    RouterScratch router;
    std::vector<float> delta;        // of run_delta_head
    const RowBuffer* sum = nullptr;  // what blocks add to: hidden_ or block_
    float sum_scale = 1;
  };
  struct MaybeNorm {  // null: as it is
    const NormSpec* spec = nullptr;
    const Norm* norm = nullptr;
  };
  static MaybeNorm maybe(const std::optional<NormSpec>& spec, const Norm& norm) {
    return spec ? MaybeNorm{&*spec, &norm} : MaybeNorm{};
  }

  // Which thread computes which outputs: Fixed, where it adds to what it added to before, with no barrier between. Few
  // rows are always shared out so, since each thread then reads its weights in one run (with one row, taking from each
  // other cost a quarter with more threads than cores, and gained 1 % else; with 2 to 16 it cost 5 to 10 %; with many
  // it gains 4 %).
  enum class Sharing { Free, Fixed };
  static constexpr int64_t few_rows = 16;
  void make_buffers();
  void add_format(const Linear& linear, InputFormats& formats) const;
  InputFormats formats_of(const Linear& linear) const;
  InputFormats other_formats() const;

  // forward.cpp: the path of a token.
  void run_layers(std::span<const Piece> pieces, std::span<const TokenId> tokens, size_t whole_layers);
  void embed(Worker& me);
  void look_up(TokenId token, float* out) const;
  void embed_for_layers(Worker& me);
  void layer(size_t index, Worker& me);
  bool last_layer_can_wait(size_t wanted, size_t rows) const;
  void keep_keys(size_t index, Worker& me);
  void gather_wanted(std::span<const int64_t> wanted);
  void scale_stream(float factor, Worker& me);
  void show_stream(int64_t layer);

  // read_out.cpp: from the stream to the logits.
  const Tiles& unembedding_input(std::span<const int64_t> rows, MaybeNorm norm, Worker& me, float* floats = nullptr);
  const float* unembed(std::span<const int64_t> rows, bool early);
  void finish_logits(int64_t count, float* products) const;

  // mixers.cpp: what happens between tokens.
  void mix(size_t index, const Tiles& input, Worker& me);
  void attend(size_t index, const Attention& spec, const Tiles& input, Worker& me);
  void add_mixed(size_t index, const Linear& output, float* rows, int64_t stride, Worker& me);
  void attend_latent(size_t index, const LatentAttention& spec, const Tiles& input, Worker& me);
  Projections projections() const;
  void gather(size_t index, const Attention& spec, const Projections& projections, Worker& me);
  void remember_deltas(size_t index, const DeltaNet& spec, const Tiles& input, Worker& me);
  void convolve_shortly(size_t index, const ShortConvolution& spec, const Tiles& input, Worker& me);

  // mlps.cpp: what each token does alone.
  void think(size_t index, const Tiles& input, Worker& me);
  void think_in_branches(size_t index, const Experts& spec, const Tiles& input, Worker& me);
  void dense(size_t index, const Dense& spec, const MlpWeights& weights, const Tiles& input, Worker& me);
  void mix_in_layer_input(size_t index, Worker& me);
  void expand(const Dense& spec, const MlpWeights& weights, const Tiles& input, int64_t rows, Tiles& expanded,
              Worker& me);
  void expand_unit(const Dense& spec, const MlpWeights& weights, const Tiles& input, int64_t unit, int64_t first,
                   int count, Tiles& expanded, Worker& me) const;
  void activate(const Dense& spec, const MlpWeights& weights, float* gate, float* up, int64_t count) const;
  void route(const Experts& spec, const ExpertsWeights& weights, const Tiles& input, Worker& me);
  void tile_experts(const Experts& spec);
  void write_expert_inputs(const Experts& spec, Worker& me);
  void run_experts(size_t index, const Experts& spec, const ExpertsWeights& weights, Worker& me);

  // steps.cpp: the steps that all of these consist of.
  const Tiles& inputs(Inputs& inputs, const RowBuffer& from, int64_t cols, MaybeNorm norm, Worker& me,
                      const RowBuffer* keep = nullptr);
  const Tiles& inputs(Inputs& inputs, const float* rows, int64_t stride, int64_t cols, MaybeNorm norm, Worker& me,
                      const RowBuffer* keep = nullptr);
  void normalize_stream(MaybeNorm norm, Worker& me);
  void observe(const Site& site, const Tiles& input, int64_t first_row, int64_t rows, int64_t cols, const Worker& me);
  void project(const Linear& linear, const Tiles& input, const RowBuffer& out, Worker& me);
  // What is added to the stream, times the layer's residual_scale: at once or, where it goes through a norm first, in
  // block_ until end_sum adds it.
  void begin_sum(const LayerSpec& spec, bool through_norm, Worker& me);
  void begin_sum(const RowBuffer& sum, Worker& me);  // in `sum`, from zero
  void add_projection(const Linear& linear, const Tiles& input, Worker& me, Sharing sharing,
                      const float* row_factors = nullptr);
  using Block = StreamObserver::Block;
  void end_sum(Block block, size_t index, MaybeNorm out, MaybeNorm sum, Worker& me);
  void end_followed_sum(Block block, size_t index, MaybeNorm out, MaybeNorm sum, Worker& me);
  // Calls work(unit, first row, count) for this thread's part of `units`, each times tiles of `rows` rows.
  template <class Work>
  void share_units(int64_t units, int64_t rows, Worker& me, Sharing sharing, Work&& work);
  // Calls emit(unit, first row, rows, products [rows, 32]) for this thread's part of the outputs, biases included.
  template <class Emit>
  void multiply(const Linear& linear, const Tiles& input, int64_t rows, Worker& me, Sharing sharing, Emit&& emit);
  void product(const Linear& linear, int64_t unit, const Tiles& input, int64_t first_row, int count, float* out) const;
  InputFormat input_format(const PackedMatrix& matrix) const;
  void norm_rows(MaybeNorm norm, const float* x, int64_t stride, int64_t cols, int64_t count, float* out,
                 int64_t out_stride) const;
  int tile_count(int64_t first_row, int64_t rows) const;
  Range tile_share(int64_t rows, int thread) const;  // whole tiles, in rows

  const ModelSpec& spec_;
  const Weights& weights_;
  const kernels::Table& table_;
  ThreadPool& pool_;
  const Precision precision_;
  Observer* const observer_;
  StreamObserver* const follower_;
  int tile_rows_ = 1;  // of a tile at most
  KvLayout kv_layout_;
  AttentionEngine attention_;

  // The batch in hand.
  std::span<const Piece> pieces_;
  std::vector<Piece> wanted_pieces_;
  std::span<const TokenId> tokens_;
  int64_t rows_ = 0;

  // The stream before some layers.
  std::vector<int64_t> kept_before_;
  int64_t kept_row_ = -1;  // of the batch; -1: none
  RowBuffer kept_;

  // Scratch, sized once by the largest layer.
  RowBuffer hidden_;                           // the residual stream
  RowBuffer block_;                            // what a block adds to it, where that goes through a norm
  RowBuffer branch_;                           // what the experts give, where that goes through one of its own
  RowBuffer queries_, keys_, values_, gates_;  // as the mixer's projections left them
  RowBuffer short_rows_, short_keys_;          // LatentAttention's short vectors, and the keys' shared part
  RowBuffer beta_, decay_;                     // DeltaNet's
  RowBuffer embedded_, layer_inputs_;          // narrow embeddings; [layers * dims] of PerLayerInput
  RowBuffer narrow_;                           // [dims] of PerLayerInput
  RowBuffer logits_;                           // [max_logit_rows, vocabulary]
  Inputs attention_input_, mlp_input_, short_input_, heads_input_, narrow_input_;
  Tiles expanded_;

  // Experts.
  RowBuffer normed_;                 // the MLP's inputs
  RowBuffer scores_, shared_gates_;  // the router's logits; [1]
  std::vector<Choice> choices_;      // [rows, chosen]
  struct ExpertTile {                // up to tile_rows tokens of one expert
    int64_t expert = 0;
    int64_t first_row = 0;                        // of the tiles below
    std::vector<std::pair<int64_t, float>> rows;  // the tokens' rows and weights
  };
  std::vector<ExpertTile> expert_tiles_;
  std::vector<std::vector<std::pair<int64_t, float>>> of_expert_;  // by expert: the tokens' rows and weights
  size_t expert_tile_count_ = 0;
  Tiles expert_input_, expert_expanded_;
  std::vector<float> observed_;  // [tile rows, inputs]: a tile as the observer sees it
  std::vector<Worker> workers_;
};

// ---- the templates

template <class Work>
void Forward::share_units(int64_t units, int64_t rows, Worker& me, Sharing sharing, Work&& work) {
  // Parts of the rows: the smaller, the less a thread waits for the last of another.
  const int64_t parts = std::max<int64_t>(1, rows / 64), part = round_up((rows + parts - 1) / parts, tile_rows_);
  const auto work_on = [&](int64_t unit, int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += tile_rows_) work(unit, first, tile_count(first, end));
  };
  if (sharing == Sharing::Free && rows > few_rows) {
    pool_.share_out(units * parts, me.thread, [&](int64_t i) {
      const int64_t begin = i % parts * part;
      work_on(i / parts, begin, std::min(begin + part, rows));
    });
    return;
  }
  const Range mine = share(units, me.thread, pool_.size());
  for (int64_t unit = mine.begin; unit < mine.end; unit++) work_on(unit, 0, rows);
}

template <class Emit>
void Forward::multiply(const Linear& linear, const Tiles& input, int64_t rows, Worker& me, Sharing sharing,
                       Emit&& emit) {
  share_units(linear.weight.units(), rows, me, sharing, [&](int64_t unit, int64_t first, int count) {
    product(linear, unit, input, first, count, me.products.data());
    emit(unit, first, count, me.products.data());
  });
}

}  // namespace foretell
