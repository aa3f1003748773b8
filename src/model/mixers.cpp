// What happens between tokens: attention and its relatives.
#include <algorithm>
#include <cstring>

#include "model/forward.h"
#include "model/padding.h"
#include "model/recurrent.h"

namespace foretell {

void Forward::mix(size_t index, const Tiles& input, Worker& me) {
  const auto& mixer = spec_.layers[index].mixer;
  if (const auto* attention = std::get_if<Attention>(&mixer)) return attend(index, *attention, input, me);
  if (const auto* latent = std::get_if<LatentAttention>(&mixer)) return attend_latent(index, *latent, input, me);
  if (const auto* delta = std::get_if<DeltaNet>(&mixer)) return remember_deltas(index, *delta, input, me);
  convolve_shortly(index, std::get<ShortConvolution>(mixer), input, me);
}

Projections Forward::projections() const {
  return {.queries = queries_.row(0),
          .keys = keys_.row(0),
          .values = values_.row(0),
          .query_stride = queries_.stride,
          .key_stride = keys_.stride,
          .value_stride = values_.stride};
}

// Each token asks (query) what the tokens before it offer (key), and gathers what they say (value).
void Forward::attend(size_t index, const Attention& spec, const Tiles& input, Worker& me) {
  const AttentionWeights& w = weights_.layers[index].attention;
  project(w.query, input, queries_, me);
  if (spec.kv_layer < 0) {
    project(w.key, input, keys_, me);
    project(w.value, input, values_, me);
  }
  if (spec.gate) project(w.gate, input, gates_, me);
  pool_.barrier();
  gather(index, spec, projections(), me);
}

// The same with queries, keys and values expanded from short vectors.
void Forward::attend_latent(size_t index, const LatentAttention& spec, const Tiles& input, Worker& me) {
  const AttentionWeights& w = weights_.layers[index].attention;
  if (spec.query_rank > 0) {
    project(w.query_down, input, short_rows_, me);
    pool_.barrier();
    const Tiles& latent = inputs(short_input_, short_rows_, spec.query_rank, {&spec.norm, &w.query_down_norm}, me);
    observe({Point::QueryLatent, static_cast<int64_t>(index)}, latent, 0, rows_, spec.query_rank, me);
    project(w.query, latent, queries_, me);
    pool_.barrier();
  } else {
    project(w.query, input, queries_, me);
  }
  project(w.kv_down, input, short_rows_, me);
  project(w.key_rotary, input, short_keys_, me);
  pool_.barrier();
  const Tiles& latent = inputs(short_input_, short_rows_, spec.kv_rank, {&spec.norm, &w.kv_down_norm}, me);
  observe({Point::KeyValueLatent, static_cast<int64_t>(index)}, latent, 0, rows_, spec.kv_rank, me);
  project(w.key, latent, keys_, me);
  project(w.value, latent, values_, me);
  pool_.barrier();
  Projections all = projections();
  all.shared_keys = short_keys_.row(0);
  all.shared_dims = spec.attention.head_dim - spec.plain_dims;
  all.shared_stride = short_keys_.stride;
  gather(index, spec.attention, all, me);
}

// Attends, and adds what the heads gathered to the stream.
void Forward::gather(size_t index, const Attention& spec, const Projections& projections, Worker& me) {
  const AttentionWeights& w = weights_.layers[index].attention;
  const int64_t cols = w.output.weight.cols, stride = attention_.output_stride();
  float* gathered = attention_.attend(index, projections, me.thread);
  if (spec.gate) {                                        // of the rows that this thread makes inputs of
    const bool own = rows_ == 1 && follower_ == nullptr;  // each thread has a copy
    const Range mine = own ? Range{0, 1} : tile_share(rows_, me.thread);
    for (int64_t r = mine.begin; r < mine.end; r++) {
      float* heads = gathered + r * stride;
      float* gate = own ? me.rows.row(0) : gates_.row(r);
      if (own) std::memcpy(gate, gates_.row(0), static_cast<size_t>(gates_.stride) * 4);
      table_.activate(kernels::Function::Sigmoid, gate, heads, round_up(cols, 16), heads);
    }
  }
  add_mixed(index, w.output, gathered, stride, me);
}

// Adds the output projection of what the mixer gathered, rows `stride` floats apart.
void Forward::add_mixed(size_t index, const Linear& output, float* rows, int64_t stride, Worker& me) {
  if (follower_ != nullptr) {
    pool_.barrier();
    if (me.thread == 0) follower_->mixed(static_cast<int64_t>(index), rows, stride, rows_);
    pool_.barrier();
  }
  const Tiles& mixed = inputs(heads_input_, rows, stride, output.weight.cols, {}, me);
  observe({Point::Mixed, static_cast<int64_t>(index)}, mixed, 0, rows_, output.weight.cols, me);
  add_projection(output, mixed, me, Sharing::Free);
}

// The gated delta rule: a memory of each head, that forgets, learns and is asked token by token.
void Forward::remember_deltas(size_t index, const DeltaNet& spec, const Tiles& input, Worker& me) {
  const DeltaWeights& w = weights_.layers[index].delta;
  project(w.query, input, queries_, me);
  project(w.key, input, keys_, me);
  project(w.value, input, values_, me);
  project(w.gate, input, gates_, me);
  project(w.beta, input, beta_, me);
  project(w.decay, input, decay_, me);
  pool_.barrier();

  const int64_t keys = padded(spec.key_heads * spec.key_dim), values = padded(spec.value_heads * spec.value_dim);
  const int64_t channels = 2 * keys + values;
  for (const Piece& piece : pieces_) {
    float* state = piece.cache->state(index);
    int64_t first = 0;
    for (const RowBuffer* rows : {&queries_, &keys_, &values_}) {
      const int64_t width = rows == &values_ ? values : keys;
      const Range mine = share(width / 16, me.thread, pool_.size());
      const Columns columns{.data = rows->row(piece.first_row),
                            .stride = rows->stride,
                            .count = piece.rows,
                            .begin = mine.begin * 16,
                            .end = mine.end * 16};
      convolve(w.taps.data(), spec.kernel, channels, first, state, columns);
      for (int64_t r = 0; r < piece.rows && mine.size() > 0; r++) {
        float* x = columns.data + r * columns.stride + columns.begin;
        table_.activate(kernels::Function::Silu, x, nullptr, columns.end - columns.begin, x);
      }
      first += width;
    }
  }
  pool_.barrier();
  const Range mine = share(spec.value_heads, me.thread, pool_.size());
  for (const Piece& piece : pieces_) {
    const DeltaRows rows{.queries = queries_.row(piece.first_row),
                         .keys = keys_.row(piece.first_row),
                         .values = values_.row(piece.first_row),
                         .beta = beta_.row(piece.first_row),
                         .decay = decay_.row(piece.first_row),
                         .query_stride = queries_.stride,
                         .key_stride = keys_.stride,
                         .value_stride = values_.stride,
                         .beta_stride = beta_.stride,
                         .count = piece.rows};
    float* memories = piece.cache->state(index) + (spec.kernel - 1) * channels;
    for (int64_t h = mine.begin; h < mine.end; h++)
      run_delta_head(table_, {spec, w, h, memories + h * spec.key_dim * spec.value_dim}, rows, me.delta);
  }
  pool_.barrier();
  const Range gated = tile_share(rows_, me.thread);
  for (int64_t r = gated.begin; r < gated.end; r++)
    table_.activate(kernels::Function::Silu, gates_.row(r), values_.row(r), values, values_.row(r));
  if (rows_ == 1) pool_.barrier();  // every thread then reads the row
  add_mixed(index, w.output, values_.row(0), values_.stride, me);
}

// out(c * convolution(b * x))
void Forward::convolve_shortly(size_t index, const ShortConvolution& spec, const Tiles& input, Worker& me) {
  const ConvolutionWeights& w = weights_.layers[index].convolution;
  project(w.b, input, queries_, me);
  project(w.c, input, keys_, me);
  project(w.x, input, values_, me);
  pool_.barrier();
  const int64_t width = hidden_.stride;
  const Range mine = share(width / 16, me.thread, pool_.size());
  const int64_t begin = mine.begin * 16, end = mine.end * 16;
  for (const Piece& piece : pieces_) {
    for (int64_t r = piece.first_row; r < piece.first_row + piece.rows; r++)
      for (int64_t i = begin; i < end; i++) values_.row(r)[i] *= queries_.row(r)[i];
    const Columns columns{.data = values_.row(piece.first_row),
                          .stride = values_.stride,
                          .count = piece.rows,
                          .begin = begin,
                          .end = end};
    convolve(w.taps.data(), spec.kernel, width, 0, piece.cache->state(index), columns);
    for (int64_t r = piece.first_row; r < piece.first_row + piece.rows; r++)
      for (int64_t i = begin; i < end; i++)
        values_.row(r)[i] = (values_.row(r)[i] + (spec.bias ? w.bias[i] : 0.0f)) * keys_.row(r)[i];
  }
  pool_.barrier();
  add_mixed(index, w.output, values_.row(0), values_.stride, me);
}

}  // namespace foretell
