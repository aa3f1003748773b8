// From the residual stream to the logits: final norm, unembedding, scale and cap.
#include <algorithm>
#include <cstring>
#include <functional>

#include "model/forward.h"

namespace foretell {

using kernels::unit_rows;

// Rows of the stream as the unembedding reads them: normed where there is a norm, and narrower where the embedding is.
// Each thread makes all of them for itself. `floats`, where given: the same, [rows][final_dims()], from the first
// thread.
const Tiles& Forward::unembedding_input(std::span<const int64_t> rows, MaybeNorm norm, Worker& me, float* floats) {
  const auto count = static_cast<int64_t>(rows.size()), dims = final_dims();
  const bool narrow = spec_.embedding_dim > 0;
  const auto show = [&](int64_t row, const float* x) {
    if (floats != nullptr && me.thread == 0) std::memcpy(floats + row * dims, x, static_cast<size_t>(dims) * 4);
  };
  for (int64_t first = 0; first < count; first += tile_rows_) {
    const int here = tile_count(first, count);
    for (int r = 0; r < here; r++) {
      const float* x = hidden_.row(rows[static_cast<size_t>(first + r)]);
      if (norm.spec == nullptr) {
        std::memcpy(me.rows.row(r), x, static_cast<size_t>(hidden_.stride) * 4);
      } else {
        norm_rows(norm, x, 0, spec_.hidden, 1, me.rows.row(r), 0);
      }
      if (!narrow) show(first + r, me.rows.row(r));
    }
    me.last.write(first, here, me.rows.row(0), me.rows.stride, 0, spec_.hidden);
  }
  if (!narrow) return me.last;
  observe({Point::ProjectedOut}, me.last, 0, count, spec_.hidden, me);
  multiply(weights_.project_out, me.last, count, me, Sharing::Free,
           [&](int64_t unit, int64_t first, int here, const float* p) {
             for (int r = 0; r < here; r++)
               std::memcpy(embedded_.row(first + r) + unit * unit_rows, p + r * unit_rows, unit_rows * 4);
           });
  pool_.barrier();
  for (int64_t r = 0; r < count; r++) show(r, embedded_.row(r));
  for (int64_t first = 0; first < count; first += tile_rows_)
    me.last_projected.write(first, tile_count(first, count), embedded_.row(first), embedded_.stride, 0, dims);
  return me.last_projected;
}

const float* Forward::logits(std::span<const int64_t> rows) { return unembed(rows, false); }
const float* Forward::early_logits(std::span<const int64_t> rows) { return unembed(rows, true); }

// logits = cap(scale * unembedding(norm(hidden)))
const float* Forward::unembed(std::span<const int64_t> rows, bool early) {
  const auto count = static_cast<int64_t>(rows.size());
  const MaybeNorm norm = early ? MaybeNorm{} : maybe(spec_.final_norm, weights_.final_norm);
  const auto share_of = [&](int thread) {
    Worker& me = workers_[static_cast<size_t>(thread)];
    const Tiles& input = unembedding_input(rows, norm, me);
    observe({Point::UnembeddingInput}, input, 0, count, weights_.unembedding.weight.cols, me);
    multiply(weights_.unembedding, input, count, me, Sharing::Free,
             [&](int64_t unit, int64_t first, int here, float* products) {
               if (!early) finish_logits(here * unit_rows, products);
               for (int64_t r = 0; r < here; r++)
                 std::memcpy(logits_.row(first + r) + unit * unit_rows, products + r * unit_rows,
                             unit_rows * sizeof(float));
             });
  };
  pool_.run(std::ref(share_of));  // by reference: nothing is allocated
  return logits_.row(0);
}

void Forward::finish_logits(int64_t count, float* products) const {
  if (spec_.logit_scale != 1)
    for (int64_t i = 0; i < count; i++) products[i] *= spec_.logit_scale;
  if (spec_.logit_cap > 0) {
    for (int64_t i = 0; i < count; i++) products[i] /= spec_.logit_cap;
    table_.activate(kernels::Function::Tanh, products, nullptr, count, products);
    for (int64_t i = 0; i < count; i++) products[i] *= spec_.logit_cap;
  }
}

void Forward::hidden_states(std::span<const int64_t> rows, float* out) {
  const MaybeNorm norm = maybe(spec_.final_norm, weights_.final_norm);
  for (size_t first = 0; first < rows.size(); first += max_logit_rows) {
    const auto group = rows.subspan(first, std::min<size_t>(max_logit_rows, rows.size() - first));
    float* const to = out + static_cast<int64_t>(first) * final_dims();
    pool_.run([&](int thread) { unembedding_input(group, norm, workers_[static_cast<size_t>(thread)], to); });
  }
}

void Forward::keep_streams(std::span<const int64_t> before) {
  kept_before_.assign(before.begin(), before.end());
  const auto count = static_cast<int64_t>(before.size());
  if (kept_.data.size() < count * hidden_.stride) kept_ = RowBuffer(count, spec_.hidden);
}

}  // namespace foretell
