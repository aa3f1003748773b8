#include "model/forward.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace foretell {

using kernels::unit_rows;

Forward::Forward(const ModelSpec& spec, const Weights& weights, const kernels::Table& table, ThreadPool& pool,
                 Precision precision, KvCacheFormat kv_cache, Observer* observer, StreamObserver* follower)
    : spec_(spec),
      weights_(weights),
      table_(table),
      pool_(pool),
      precision_(precision),
      observer_(observer),
      follower_(follower),
      kv_layout_(spec, kv_format(spec, weights.quantized, precision, kv_cache)),
      attention_(spec, weights, table, kv_layout_, pool, max_rows, follower) {
  make_buffers();
}

void Forward::run(std::span<const Piece> pieces, std::span<const TokenId> tokens) {
  run_layers(pieces, tokens, spec_.layers.size());
}

void Forward::run_layers(std::span<const Piece> pieces, std::span<const TokenId> tokens, size_t whole_layers) {
  pieces_ = pieces;
  tokens_ = tokens;
  rows_ = static_cast<int64_t>(tokens.size());
  attention_.begin(pieces, rows_);
  pool_.run([this, whole_layers](int thread) {
    Worker& me = workers_[static_cast<size_t>(thread)];
    embed(me);
    attention_.compute_angles(thread);
    pool_.barrier();
    const auto tell = [&](int64_t layer) {
      if (follower_ == nullptr && kept_before_.empty()) return;
      if (thread == 0) show_stream(layer);
      pool_.barrier();
    };
    tell(-1);
    for (size_t i = 0; i < whole_layers; i++) {
      layer(i, me);
      tell(static_cast<int64_t>(i));
    }
    if (whole_layers < spec_.layers.size()) keep_keys(whole_layers, me);
  });
}

// The stream after a layer, to those who want to see it.
void Forward::show_stream(int64_t layer) {
  if (follower_ != nullptr) follower_->layer_end(layer, hidden_.row(0), hidden_.stride, rows_);
  for (size_t i = 0; i < kept_before_.size() && kept_row_ >= 0; i++)
    if (kept_before_[i] == layer + 1)
      std::memcpy(kept_.row(static_cast<int64_t>(i)), hidden_.row(kept_row_), static_cast<size_t>(hidden_.stride) * 4);
}

void Forward::run(std::span<const Piece> pieces, std::span<const TokenId> tokens, std::span<const int64_t> wanted) {
  kept_row_ = wanted.empty() ? -1 : wanted.back();
  if (!last_layer_can_wait(wanted.size(), tokens.size())) return run(pieces, tokens);
  run_layers(pieces, tokens, spec_.layers.size() - 1);
  if (wanted.empty()) return;
  gather_wanted(wanted);
  pool_.run([this](int thread) {
    attention_.compute_angles(thread);
    pool_.barrier();
    layer(spec_.layers.size() - 1, workers_[static_cast<size_t>(thread)]);
  });
  for (size_t i = wanted.size(); i-- > 0;)  // back to their places
    std::memmove(hidden_.row(wanted[i]), hidden_.row(static_cast<int64_t>(i)), static_cast<size_t>(hidden_.stride) * 4);
}

// Whether it is worth while, and all that a token leaves for later ones in the last layer is its keys and values.
bool Forward::last_layer_can_wait(size_t wanted, size_t rows) const {
  const LayerSpec& last = spec_.layers.back();
  return wanted * 2 <= rows && rows > 1 && observer_ == nullptr && follower_ == nullptr &&
         std::holds_alternative<Attention>(last.mixer) && !last.residual_from_norm && !last.per_layer_input;
}

// What later tokens ask of these.
void Forward::keep_keys(size_t index, Worker& me) {
  const LayerWeights& w = weights_.layers[index];
  if (std::get<Attention>(spec_.layers[index].mixer).kv_layer >= 0) return;
  const MaybeNorm before = maybe(spec_.layers[index].attn_in, w.attn_in);
  const Tiles& input = inputs(attention_input_, hidden_, spec_.hidden, before, me);
  project(w.attention.key, input, keys_, me);
  project(w.attention.value, input, values_, me);
  pool_.barrier();
  Projections all = projections();
  all.queries = nullptr;
  attention_.keep(index, all, me.thread);
}

// Makes a batch of some rows of the batch in hand.
void Forward::gather_wanted(std::span<const int64_t> wanted) {
  wanted_pieces_.clear();
  auto piece = pieces_.begin();
  for (const int64_t row : wanted) {
    const auto to = static_cast<int64_t>(wanted_pieces_.size());
    while (row >= piece->first_row + piece->rows) piece++;
    wanted_pieces_.push_back({.cache = piece->cache,
                              .first_row = to,
                              .rows = 1,
                              .start = piece->start + row - piece->first_row,
                              .length = piece->length});
    std::memmove(hidden_.row(to), hidden_.row(row), static_cast<size_t>(hidden_.stride) * 4);
  }
  pieces_ = wanted_pieces_;
  rows_ = static_cast<int64_t>(wanted.size());
  attention_.begin(pieces_, rows_);
}

// A layer of the Transformer. The mixer (attention, in most) lets a token gather from those before it what the MLP then
// works on; both only ever add to the residual stream.
void Forward::layer(size_t index, Worker& me) {
  const LayerSpec& spec = spec_.layers[index];
  const LayerWeights& w = weights_.layers[index];
  const bool parallel = spec.residual == LayerSpec::Residual::Parallel;

  if (spec.residual_from_norm) normalize_stream(maybe(spec.attn_in, w.attn_in), me);
  const MaybeNorm before = spec.residual_from_norm ? MaybeNorm{} : maybe(spec.attn_in, w.attn_in);
  // Experts want their inputs as floats, too.
  const RowBuffer* keep = std::holds_alternative<Experts>(spec.mlp) ? &normed_ : nullptr;
  const bool shared = parallel && !spec.mlp_in;
  const Tiles& mixer_input = inputs(attention_input_, hidden_, spec_.hidden, before, me, shared ? keep : nullptr);
  const Tiles* mlp_input = &mixer_input;
  if (parallel && !shared)
    mlp_input = &inputs(mlp_input_, hidden_, spec_.hidden, maybe(spec.mlp_in, w.mlp_in), me, keep);

  const auto layer = static_cast<int64_t>(index);
  observe({Point::MixerInput, layer}, mixer_input, 0, rows_, spec_.hidden, me);
  if (parallel) observe({Point::MlpInput, layer}, *mlp_input, 0, rows_, spec_.hidden, me);

  begin_sum(spec, spec.attn_out.has_value(), me);
  mix(index, mixer_input, me);
  end_sum(Block::Mixer, index, maybe(spec.attn_out, w.attn_out), maybe(spec.attn_sum, w.attn_sum), me);

  if (!parallel) {
    if (spec.residual_from_norm) normalize_stream(maybe(spec.mlp_in, w.mlp_in), me);
    const MaybeNorm again = spec.residual_from_norm ? MaybeNorm{} : maybe(spec.mlp_in, w.mlp_in);
    mlp_input = &inputs(mlp_input_, hidden_, spec_.hidden, again, me, keep);
    observe({Point::MlpInput, layer}, *mlp_input, 0, rows_, spec_.hidden, me);
  }
  begin_sum(spec, spec.mlp_out.has_value(), me);
  think(index, *mlp_input, me);
  end_sum(Block::Mlp, index, maybe(spec.mlp_out, w.mlp_out), maybe(spec.mlp_sum, w.mlp_sum), me);

  if (spec.per_layer_input) mix_in_layer_input(index, me);
  if (w.output_scale != 1) scale_stream(w.output_scale, me);
}

// hidden = factor * hidden
void Forward::scale_stream(float factor, Worker& me) {
  const Range mine = tile_share(rows_, me.thread);
  for (int64_t r = mine.begin; r < mine.end; r++)
    for (int64_t i = 0; i < spec_.hidden; i++) hidden_.row(r)[i] *= factor;
  pool_.barrier();
}

// The row of a token in the embedding, [embedding_dim].
void Forward::look_up(TokenId token, float* out) const {
  if (weights_.tied) {
    unpack_row(weights_.unembedding.weight, token, out);
  } else {
    weights_.embedding.read_row(token, out);
  }
  const int64_t dims = spec_.embedding_dim > 0 ? spec_.embedding_dim : spec_.hidden;
  if (spec_.embedding_scale != 1)
    for (int64_t i = 0; i < dims; i++) out[i] *= spec_.embedding_scale;
}

// hidden = embedding of the token (+ embedding of the position)
void Forward::embed(Worker& me) {
  const bool narrow = spec_.embedding_dim > 0;
  const RowBuffer& to = narrow ? embedded_ : hidden_;
  const Range mine = tile_share(rows_, me.thread);
  for (int64_t r = mine.begin; r < mine.end; r++) look_up(tokens_[static_cast<size_t>(r)], to.row(r));
  if (narrow) {
    pool_.barrier();
    const Tiles& input = inputs(narrow_input_, embedded_, spec_.embedding_dim, {}, me);
    observe({Point::Embedded}, input, 0, rows_, spec_.embedding_dim, me);
    project(weights_.project_in, input, hidden_, me);
    pool_.barrier();
  }
  if (spec_.positions) {
    for (const Piece& piece : pieces_) {
      const int64_t end = std::min(mine.end, piece.first_row + piece.rows);
      for (int64_t r = std::max(mine.begin, piece.first_row); r < end; r++) {
        const int64_t position = piece.start + r - piece.first_row + spec_.positions->offset;
        const float* add = weights_.positions.data() + position * hidden_.stride;
        for (int64_t i = 0; i < spec_.hidden; i++) hidden_.row(r)[i] += add[i];
      }
    }
  }
  if (spec_.embedding_norm) normalize_stream(maybe(spec_.embedding_norm, weights_.embedding_norm), me);
  if (weights_.per_layer_projection.weight.rows > 0) embed_for_layers(me);
}

// What each layer mixes in of the token: its own embedding, and a part of the common one.
void Forward::embed_for_layers(Worker& me) {
  const PerLayerInput& input = *spec_.layers.front().per_layer_input;
  const int64_t layers = static_cast<int64_t>(spec_.layers.size()), all = layers * input.dims;
  pool_.barrier();
  const Tiles& embedded = inputs(attention_input_, hidden_, spec_.hidden, {}, me);
  observe({Point::Embedded}, embedded, 0, rows_, spec_.hidden, me);
  project(weights_.per_layer_projection, embedded, layer_inputs_, me);
  pool_.barrier();
  const MaybeNorm norm{&input.norm, &weights_.per_layer_projection_norm};
  std::vector<float> embedding(static_cast<size_t>(all));
  const Range mine = tile_share(rows_, me.thread);
  for (int64_t r = mine.begin; r < mine.end; r++) {
    weights_.per_layer_embedding.read_row(tokens_[static_cast<size_t>(r)], embedding.data());
    for (int64_t l = 0; l < layers; l++) {
      float *x = layer_inputs_.row(r) + l * input.dims, *copy = me.rows.row(0);
      for (int64_t i = 0; i < input.dims; i++) copy[i] = x[i] * input.projection_scale;
      std::fill(copy + input.dims, copy + round_up(input.dims, 16), 0.0f);
      norm_rows(norm, copy, 0, input.dims, 1, copy, 0);
      const float* e = embedding.data() + l * input.dims;
      for (int64_t i = 0; i < input.dims; i++) x[i] = (copy[i] + e[i] * input.embedding_scale) * input.sum_scale;
    }
  }
}

}  // namespace foretell
