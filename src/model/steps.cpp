// The steps that the forward pass consists of.
#include <algorithm>
#include <cstring>

#include "model/forward.h"
#include "model/norm.h"

namespace foretell {

using kernels::unit_rows;

int Forward::tile_count(int64_t first_row, int64_t rows) const {
  return static_cast<int>(std::min<int64_t>(tile_rows_, rows - first_row));
}

Range Forward::tile_share(int64_t rows, int thread) const {
  const Range tiles = share((rows + tile_rows_ - 1) / tile_rows_, thread, pool_.size());
  return {tiles.begin * tile_rows_, std::min(tiles.end * tile_rows_, rows)};
}

void Forward::norm_rows(MaybeNorm norm, const float* x, int64_t stride, int64_t cols, int64_t count, float* out,
                        int64_t out_stride) const {
  for (int64_t r = 0; r < count; r++)
    apply_norm(table_, *norm.spec, norm.norm->weight.data(), norm.norm->bias.data(), x + r * stride, cols,
               out + r * out_stride);
}

const Tiles& Forward::inputs(Inputs& inputs, const RowBuffer& from, int64_t cols, MaybeNorm norm, Worker& me,
                             const RowBuffer* keep) {
  return this->inputs(inputs, from.row(0), from.stride, cols, norm, me, keep);
}

// Rows, normed where there is a norm, as the inputs of products; as floats, too, where `keep` is given. With more rows
// than one, all threads wait until all of it is there.
const Tiles& Forward::inputs(Inputs& inputs, const float* rows, int64_t stride, int64_t cols, MaybeNorm norm,
                             Worker& me, const RowBuffer* keep) {
  const auto write = [&](Tiles& tiles, int64_t first, int count) {
    const float* x = rows + first * stride;
    int64_t x_stride = stride;
    if (norm.spec != nullptr) {
      norm_rows(norm, x, stride, cols, count, me.rows.row(0), me.rows.stride);
      x = me.rows.row(0);
      x_stride = me.rows.stride;
    }
    tiles.write(first, count, x, x_stride, 0, cols);
    if (keep == nullptr || (rows_ == 1 && me.thread != 0)) return;
    for (int r = 0; r < count; r++) std::memcpy(keep->row(first + r), x + r * x_stride, static_cast<size_t>(cols) * 4);
  };
  if (rows_ == 1) {
    Tiles& own = inputs.own[static_cast<size_t>(me.thread)];
    write(own, 0, 1);
    return own;
  }
  const Range mine = tile_share(rows_, me.thread);
  for (int64_t first = mine.begin; first < mine.end; first += tile_rows_)
    write(inputs.shared, first, tile_count(first, rows_));
  pool_.barrier();
  return inputs.shared;
}

// hidden = norm(hidden)
void Forward::normalize_stream(MaybeNorm norm, Worker& me) {
  const Range mine = tile_share(rows_, me.thread);
  norm_rows(norm, hidden_.row(mine.begin), hidden_.stride, spec_.hidden, mine.size(), hidden_.row(mine.begin),
            hidden_.stride);
  pool_.barrier();
}

// What is rounded before the unembedding goes into the logits directly: with two terms a third of the error's square is
// gone, and it is a few rows only.
InputFormat Forward::input_format(const PackedMatrix& matrix) const {
  if (!kernels::is_affine(matrix.format) || precision_ == Precision::Exact) return InputFormat::Float;
  const bool two_terms = precision_ == Precision::High || &matrix == &weights_.unembedding.weight;
  return two_terms ? InputFormat::Int8Pair : InputFormat::Int8;
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

// Shows rows [first_row, first_row + rows) of the inputs of a product, all of which are there, to the observer.
void Forward::observe(const Site& site, const Tiles& input, int64_t first_row, int64_t rows, int64_t cols,
                      const Worker& me) {
  if (observer_ == nullptr || me.thread != 0) return;
  observed_.resize(static_cast<size_t>(tile_rows_ * cols));
  for (int64_t first = 0; first < rows; first += tile_rows_) {
    const int count = tile_count(first, rows);
    input.read(first_row + first, count, cols, observed_.data());
    observer_->see(site, observed_.data(), cols, count, cols);
  }
}

// out = linear(input)
void Forward::project(const Linear& linear, const Tiles& input, const RowBuffer& out, Worker& me) {
  multiply(linear, input, rows_, me, Sharing::Free, [&](int64_t unit, int64_t first, int count, const float* products) {
    for (int r = 0; r < count; r++)
      std::memcpy(out.row(first + r) + unit * unit_rows, products + r * unit_rows, unit_rows * sizeof(float));
  });
}

// The columns that a thread adds to are the same for all matrices with `hidden` outputs, so each clears its own.
void Forward::begin_sum(const LayerSpec& spec, bool through_norm, Worker& me) {
  me.sum_scale = spec.residual_scale;
  if (through_norm || follower_ != nullptr) return begin_sum(block_, me);
  me.sum = &hidden_;
}

void Forward::begin_sum(const RowBuffer& sum, Worker& me) {
  me.sum = &sum;
  const Range mine = share(sum.stride / unit_rows, me.thread, pool_.size());
  for (int64_t r = 0; r < rows_; r++)
    std::memset(sum.row(r) + mine.begin * unit_rows, 0, static_cast<size_t>(mine.size() * unit_rows) * 4);
}

// sum += scale * linear(input), times a factor of each row where given
void Forward::add_projection(const Linear& linear, const Tiles& input, Worker& me, Sharing sharing,
                             const float* row_factors) {
  const RowBuffer& sum = *me.sum;
  const float scale = me.sum_scale;
  multiply(linear, input, rows_, me, sharing, [&](int64_t unit, int64_t first, int count, const float* products) {
    for (int r = 0; r < count; r++) {
      float* x = sum.row(first + r) + unit * unit_rows;
      const float* y = products + r * unit_rows;
      const float factor = row_factors == nullptr ? scale : scale * row_factors[first + r];
      if (factor == 1) {
        for (int o = 0; o < unit_rows; o++) x[o] += y[o];
      } else {
        for (int o = 0; o < unit_rows; o++) x[o] += factor * y[o];
      }
    }
  });
}

// hidden += out norm(block), and then hidden = sum norm(hidden), each where there is one. All threads wait at the end.
void Forward::end_sum(Block block, size_t index, MaybeNorm out, MaybeNorm sum, Worker& me) {
  pool_.barrier();
  if (follower_ != nullptr) return end_followed_sum(block, index, out, sum, me);
  if (out.spec == nullptr && sum.spec == nullptr) return;
  const Range mine = tile_share(rows_, me.thread);
  for (int64_t r = mine.begin; r < mine.end; r++) {
    float* x = hidden_.row(r);
    if (out.spec != nullptr) {
      norm_rows(out, block_.row(r), block_.stride, spec_.hidden, 1, me.rows.row(0), me.rows.stride);
      for (int64_t i = 0; i < spec_.hidden; i++) x[i] += me.rows.row(0)[i];
    }
    if (sum.spec != nullptr) norm_rows(sum, x, hidden_.stride, spec_.hidden, 1, x, hidden_.stride);
  }
  pool_.barrier();
}

// The same, step by step before the follower's eyes.
void Forward::end_followed_sum(Block block, size_t index, MaybeNorm out, MaybeNorm sum, Worker& me) {
  const auto show = [&](StreamObserver::Place place, const RowBuffer& rows) {
    pool_.barrier();
    if (me.thread == 0) follower_->block(block, place, static_cast<int64_t>(index), rows.row(0), rows.stride, rows_);
    pool_.barrier();
  };
  const Range mine = tile_share(rows_, me.thread);
  if (out.spec != nullptr) {
    show(StreamObserver::Place::Unnormed, block_);
    for (int64_t r = mine.begin; r < mine.end; r++)
      norm_rows(out, block_.row(r), block_.stride, spec_.hidden, 1, block_.row(r), block_.stride);
  }
  show(StreamObserver::Place::Added, block_);
  for (int64_t r = mine.begin; r < mine.end; r++)
    for (int64_t i = 0; i < spec_.hidden; i++) hidden_.row(r)[i] += block_.row(r)[i];
  show(StreamObserver::Place::Summed, hidden_);
  if (sum.spec != nullptr) normalize_stream(sum, me);
}

}  // namespace foretell
