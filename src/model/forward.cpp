#include "model/forward.h"

#include <algorithm>
#include <cstring>

namespace foretell {
namespace {

using kernels::unit_rows;

constexpr int64_t padded(int64_t n) { return (n + unit_rows - 1) / unit_rows * unit_rows; }

kernels::Function kernel_function(Activation activation) {
  switch (activation) {
    case Activation::Silu:
      return kernels::Function::Silu;
    case Activation::Gelu:
      return kernels::Function::Gelu;
    case Activation::GeluTanh:
      return kernels::Function::GeluTanh;
    case Activation::QuickGelu:
      return kernels::Function::QuickGelu;
    case Activation::Relu:
      return kernels::Function::Relu;
    case Activation::ReluSquared:
      return kernels::Function::ReluSquared;
    case Activation::Tanh:
      return kernels::Function::Tanh;
    case Activation::Sigmoid:
      return kernels::Function::Sigmoid;
    case Activation::XIelu:  // computed apart
    case Activation::Identity:
      return kernels::Function::Identity;
  }
  return kernels::Function::Identity;
}

}  // namespace

Forward::Forward(const ModelSpec& spec, const Weights& weights, const kernels::Table& table, ThreadPool& pool,
                 Precision precision)
    : spec_(spec),
      weights_(weights),
      table_(table),
      pool_(pool),
      precision_(precision),
      kv_layout_(spec, kv_format(spec, weights.quantized, precision)),
      attention_(spec, weights, table, kv_layout_, pool, max_rows) {
  InputFormats formats;
  const auto want = [&](const Linear& linear) {
    if (linear.weight.rows == 0) return;
    const InputFormat format = input_format(linear.weight);
    (format == InputFormat::Float  ? formats.floats
     : format == InputFormat::Int8 ? formats.integers
                                   : formats.pairs) = true;
  };
  int64_t heads_cols = 0, intermediate = 0;
  for (size_t i = 0; i < spec.layers.size(); i++) {
    const LayerWeights& w = weights.layers[i];
    for (const Linear* linear : {&w.query, &w.key, &w.value, &w.output, &w.gate, &w.up, &w.down}) want(*linear);
    query_stride_ = std::max(query_stride_, padded(w.query.weight.rows));
    key_stride_ = std::max(key_stride_, padded(w.key.weight.rows));
    value_stride_ = std::max(value_stride_, padded(w.value.weight.rows));
    heads_cols = std::max(heads_cols, w.output.weight.cols);
    intermediate = std::max(intermediate, w.down.weight.cols);
  }
  want(weights.unembedding);
  hidden_stride_ = padded(spec.hidden);
  logits_stride_ = padded(spec.vocabulary);
  hidden_ = AlignedBuffer<float>(max_rows * hidden_stride_);
  queries_ = AlignedBuffer<float>(max_rows * query_stride_);
  keys_ = AlignedBuffer<float>(max_rows * key_stride_);
  values_ = AlignedBuffer<float>(max_rows * value_stride_);
  logits_ = AlignedBuffer<float>(max_logit_rows * logits_stride_);
  normed_ = Tiles(table, formats, max_rows, spec.hidden);
  heads_ = Tiles(table, formats, max_rows, heads_cols);
  expanded_ = Tiles(table, formats, max_rows, intermediate);
  for (int t = 0; t < pool.size(); t++) {
    Worker w;
    w.thread = t;
    w.rows = AlignedBuffer<float>(table.tile_rows * hidden_stride_);
    w.normed = Tiles(table, formats, max_logit_rows, spec.hidden);
    w.heads = Tiles(table, formats, 1, heads_cols);
    w.products = AlignedBuffer<float>(table.tile_rows * unit_rows);
    w.more_products = AlignedBuffer<float>(table.tile_rows * unit_rows);
    workers_.push_back(std::move(w));
  }
}

void Forward::run(std::span<const Piece> pieces, std::span<const TokenId> tokens) {
  pieces_ = pieces;
  tokens_ = tokens;
  rows_ = static_cast<int64_t>(tokens.size());
  attention_.begin(pieces, rows_);
  pool_.run([this](int thread) {
    Worker& me = workers_[static_cast<size_t>(thread)];
    embed(me);
    attention_.compute_angles(thread);
    pool_.barrier();
    for (size_t i = 0; i < spec_.layers.size(); i++) layer(i, me);
  });
}

// A layer of the Transformer. Attention lets a token gather from those before it what the MLP then works on; both only
// ever add to the residual stream.
void Forward::layer(size_t index, Worker& me) {
  const LayerSpec& spec = spec_.layers[index];
  const LayerWeights& w = weights_.layers[index];

  const Tiles& attention_input = normalize(w.attn_in, *spec.attn_in, me);
  project(w.query, attention_input, queries_, query_stride_, me);
  project(w.key, attention_input, keys_, key_stride_, me);
  project(w.value, attention_input, values_, value_stride_, me);
  pool_.barrier();
  const Projections projections{queries_.data(), keys_.data(), values_.data(),
                                query_stride_,   key_stride_,  value_stride_};
  const float* gathered = attention_.attend(index, projections, me.thread);
  const Tiles& heads = tiles_of_heads(gathered, w.output.weight.cols, me);
  add_projection(w.output, heads, me);
  pool_.barrier();

  const Tiles& mlp_input = normalize(w.mlp_in, *spec.mlp_in, me);
  expand(w, std::get<Dense>(spec.mlp), mlp_input, me);
  pool_.barrier();
  add_projection(w.down, expanded_, me);
  pool_.barrier();
}

// hidden = embedding of the token (+ embedding of the position)
void Forward::embed(Worker& me) {
  const Range mine = share(rows_, me.thread, pool_.size());
  for (const Piece& piece : pieces_) {
    for (int64_t r = std::max(mine.begin, piece.first_row); r < std::min(mine.end, piece.first_row + piece.rows); r++) {
      float* x = hidden_.data() + r * hidden_stride_;
      const TokenId token = tokens_[static_cast<size_t>(r)];
      if (weights_.tied) {
        unpack_row(weights_.unembedding.weight, token, x);
      } else {
        weights_.embedding.read_row(token, x);
      }
      if (spec_.embedding_scale != 1)
        for (int64_t i = 0; i < spec_.hidden; i++) x[i] *= spec_.embedding_scale;
      if (!spec_.positions) continue;
      const int64_t position = piece.start + r - piece.first_row + spec_.positions->offset;
      const float* add = weights_.positions.data() + position * hidden_stride_;
      for (int64_t i = 0; i < spec_.hidden; i++) x[i] += add[i];
    }
  }
}

int Forward::tile_count(int64_t first_row, int64_t rows) const {
  return static_cast<int>(std::min<int64_t>(table_.tile_rows, rows - first_row));
}

void Forward::norm_row(const Norm& norm, const NormSpec& spec, const float* x, float* out) const {
  if (spec.kind == NormSpec::Kind::Rms) {
    table_.rms_norm(x, norm.weight.data(), spec_.hidden, spec.epsilon, out);
  } else {
    table_.layer_norm(x, norm.weight.data(), norm.bias.data(), spec_.hidden, spec.epsilon, out);
  }
}

// The normed hidden states as inputs for products. One row is quicker done by every thread for itself than waited for.
const Tiles& Forward::normalize(const Norm& norm, const NormSpec& spec, Worker& me) {
  if (rows_ == 1) {
    norm_row(norm, spec, hidden_.data(), me.rows.data());
    me.normed.write(0, 1, me.rows.data(), hidden_stride_, 0, spec_.hidden);
    return me.normed;
  }
  const Range mine = share((rows_ + table_.tile_rows - 1) / table_.tile_rows, me.thread, pool_.size());
  for (int64_t first = mine.begin * table_.tile_rows; first < mine.end * table_.tile_rows; first += table_.tile_rows) {
    const int count = tile_count(first, rows_);
    for (int r = 0; r < count; r++)
      norm_row(norm, spec, hidden_.data() + (first + r) * hidden_stride_, me.rows.data() + r * hidden_stride_);
    normed_.write(first, count, me.rows.data(), hidden_stride_, 0, spec_.hidden);
  }
  pool_.barrier();
  return normed_;
}

// What the heads gathered, as inputs of the output projection.
const Tiles& Forward::tiles_of_heads(const float* rows, int64_t cols, Worker& me) {
  const int64_t stride = attention_.output_stride();
  if (rows_ == 1) {
    me.heads.write(0, 1, rows, stride, 0, cols);
    return me.heads;
  }
  const Range mine = share((rows_ + table_.tile_rows - 1) / table_.tile_rows, me.thread, pool_.size());
  for (int64_t first = mine.begin * table_.tile_rows; first < mine.end * table_.tile_rows; first += table_.tile_rows)
    heads_.write(first, tile_count(first, rows_), rows + first * stride, stride, 0, cols);
  pool_.barrier();
  return heads_;
}

InputFormat Forward::input_format(const PackedMatrix& matrix) const {
  if (!kernels::is_affine(matrix.format) || precision_ == Precision::Exact) return InputFormat::Float;
  return precision_ == Precision::High ? InputFormat::Int8Pair : InputFormat::Int8;
}

void Forward::product(const Linear& linear, int64_t unit, const Tiles& input, int64_t first_row, int count,
                      float* out) const {
  const PackedMatrix& m = linear.weight;
  input.multiply(input_format(m), m.format, m.scale, m.unit(unit), m.cols, first_row, count, out);
  if (linear.bias.size() == 0) return;
  const float* bias = linear.bias.data() + unit * unit_rows;
  for (int r = 0; r < count; r++)
    for (int o = 0; o < unit_rows; o++) out[r * unit_rows + o] += bias[o];
}

template <class Emit>
void Forward::multiply(const Linear& linear, const Tiles& input, int64_t rows, Worker& me, Emit&& emit) {
  const Range mine = share(linear.weight.units(), me.thread, pool_.size());
  for (int64_t unit = mine.begin; unit < mine.end; unit++) {
    for (int64_t first = 0; first < rows; first += table_.tile_rows) {
      const int count = tile_count(first, rows);
      product(linear, unit, input, first, count, me.products.data());
      emit(unit, first, count, me.products.data());
    }
  }
}

// out = linear(input)
void Forward::project(const Linear& linear, const Tiles& input, const AlignedBuffer<float>& out, int64_t stride,
                      Worker& me) {
  multiply(linear, input, rows_, me, [&](int64_t unit, int64_t first, int count, const float* products) {
    for (int r = 0; r < count; r++)
      std::memcpy(out.data() + (first + r) * stride + unit * unit_rows, products + r * unit_rows,
                  unit_rows * sizeof(float));
  });
}

// hidden += linear(input)
void Forward::add_projection(const Linear& linear, const Tiles& input, Worker& me) {
  multiply(linear, input, rows_, me, [&](int64_t unit, int64_t first, int count, const float* products) {
    for (int r = 0; r < count; r++) {
      float* x = hidden_.data() + (first + r) * hidden_stride_ + unit * unit_rows;
      for (int o = 0; o < unit_rows; o++) x[o] += products[r * unit_rows + o];
    }
  });
}

// expanded = activation(gate(input)) * up(input), or activation(up(input)) where there is no gate
void Forward::expand(const LayerWeights& weights, const Dense& mlp, const Tiles& input, Worker& me) {
  const kernels::Function function = kernel_function(mlp.activation);
  multiply(weights.up, input, rows_, me, [&](int64_t unit, int64_t first, int count, float* up) {
    float* gate = me.more_products.data();
    if (mlp.gated) {
      product(weights.gate, unit, input, first, count, gate);
      table_.activate(function, gate, up, count * unit_rows, gate);
    } else {
      table_.activate(function, up, nullptr, count * unit_rows, gate);
    }
    const int64_t begin = unit * unit_rows;
    expanded_.write(first, count, gate, unit_rows, begin, std::min<int64_t>(unit_rows, mlp.intermediate - begin));
  });
}

const float* Forward::logits(std::span<const int64_t> rows) {
  const auto count = static_cast<int64_t>(rows.size());
  pool_.run([&](int thread) {
    Worker& me = workers_[static_cast<size_t>(thread)];
    for (int64_t first = 0; first < count; first += table_.tile_rows) {
      const int here = tile_count(first, count);
      for (int r = 0; r < here; r++)
        norm_row(weights_.final_norm, *spec_.final_norm,
                 hidden_.data() + rows[static_cast<size_t>(first + r)] * hidden_stride_,
                 me.rows.data() + r * hidden_stride_);
      me.normed.write(first, here, me.rows.data(), hidden_stride_, 0, spec_.hidden);
    }
    multiply(weights_.unembedding, me.normed, count, me,
             [&](int64_t unit, int64_t first, int here, const float* products) {
               for (int r = 0; r < here; r++)
                 std::memcpy(logits_.data() + (first + r) * logits_stride_ + unit * unit_rows, products + r * unit_rows,
                             unit_rows * sizeof(float));
             });
  });
  return logits_.data();
}

}  // namespace foretell
