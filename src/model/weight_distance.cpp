#include "model/weight_distance.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <tuple>

#include "arch/open_model.h"
#include "base/mapped_file.h"
#include "model/finder.h"
#include "model/float_rows.h"

namespace foretell {
namespace {

using Key = std::tuple<int64_t, int64_t, Role, Part>;

Key key_of(const TensorSpec& t) { return {t.layer, t.expert, t.role, t.part}; }

class Reader {
 public:
  explicit Reader(const ModelWeights& model) : model_(model), finder_(model.family, model.spec, model.checkpoint) {
    for (TensorSpec& tensor : tensor_table(model.family, model.spec)) {
      const TensorView* view = model.checkpoint.find(stored_name(model.family, model.checkpoint, tensor.name));
      if (is_buffer(tensor.role) && view == nullptr) continue;  // a folder may leave it out
      order_.push_back(key_of(tensor));
      tensors_.emplace(key_of(tensor), std::move(tensor));
    }
  }

  const std::vector<Key>& order() const { return order_; }
  const TensorSpec* find(const Key& key) const {
    const auto it = tensors_.find(key);
    return it == tensors_.end() ? nullptr : &it->second;
  }

  FloatRows rows(const TensorSpec& t) {
    const std::string name = stored_name(model_.family, model_.checkpoint, t.name);
    const bool matrix = t.part == Part::Weight && !is_norm(t.role);
    if (matrix && t.shape.size() == 2) {
      const MatrixSource source = finder_.matrix({t.layer, t.expert}, t.role);
      return {source.stored, source.transposed};
    }
    if (matrix && t.shape.size() == 3 && t.shape[0] > 1 && t.shape[1] > 1) {  // a stack of experts
      const bool turned = finder_.matrix({t.layer, 0}, t.role).transposed;
      return {StoredMatrix::find(model_.checkpoint, name), turned};
    }
    // Whether a vector lies as a row, as a column or in three dimensions makes no difference. As a column its rotary
    // order is undone too.
    TensorView& flat = flat_.emplace_back(model_.checkpoint.at(name));
    flat.shape = {flat.elements(), 1};
    return {StoredMatrix::of(flat, name), false};
  }

 private:
  const ModelWeights& model_;
  Finder finder_;
  std::vector<Key> order_;
  std::map<Key, TensorSpec> tensors_;
  std::deque<TensorView> flat_;  // vectors; what was given out reads from them
};

struct Pair {
  FloatRows a, b;
};

struct Block {
  size_t pair;
  int64_t first, rows;
};

void add(WeightDistance& to, const WeightDistance& more) {
  to.difference += more.difference;
  to.squares += more.squares;
  to.other_squares += more.other_squares;
  to.product += more.product;
  to.largest = std::max(to.largest, more.largest);
}

WeightDistance distance(const Pair& pair, const Block& block) {
  const auto size = static_cast<size_t>(block.rows * pair.a.cols());
  std::vector<float> a(size), b(size);
  pair.a.read(block.first, block.rows, a.data());
  pair.b.read(block.first, block.rows, b.data());
  WeightDistance d;
  for (size_t i = 0; i < size; i++) {
    const double x = a[i], y = b[i], step = x - y;
    d.difference += step * step;
    d.squares += x * x;
    d.other_squares += y * y;
    d.product += x * y;
    d.largest = std::max(d.largest, std::abs(step));
  }
  for (const FloatRows* rows : {&pair.a, &pair.b})
    for (const auto& bytes : rows->file_bytes(block.first, block.rows)) release_pages(bytes);
  return d;
}

std::vector<int64_t> shape_of(const FloatRows& rows) {
  if (rows.slices() > 1) return {rows.slices(), rows.outputs(), rows.cols()};
  if (rows.cols() == 1) return {rows.rows()};
  return {rows.rows(), rows.cols()};
}

}  // namespace

double WeightDistance::relative() const {
  if (difference == 0) return 0;
  return squares > 0 ? std::sqrt(difference / squares) : std::numeric_limits<double>::infinity();
}

double WeightDistance::cosine() const {
  const double lengths = std::sqrt(squares) * std::sqrt(other_squares);
  return lengths > 0 ? product / lengths : 0;
}

WeightComparison compare_weights(const ModelWeights& a, const ModelWeights& b, ThreadPool& pool,
                                 const std::function<void(double part)>& progress) {
  Reader left(a), right(b);
  WeightComparison comparison;
  std::vector<Pair> pairs;
  std::vector<Block> blocks;
  int64_t total = 0, done = 0;
  for (const Key& key : left.order()) {
    const TensorSpec *x = left.find(key), *y = right.find(key);
    if (y == nullptr) {
      comparison.only_a.push_back(x->name);
      continue;
    }
    pairs.push_back({left.rows(*x), right.rows(*y)});
    const Pair& pair = pairs.back();
    WeightDistance d{.name = x->name, .shape = shape_of(pair.a), .other_shape = shape_of(pair.b)};
    constexpr int64_t numbers = 1 << 17;
    const int64_t step = std::max<int64_t>(1, numbers / pair.a.cols());
    for (int64_t first = 0; d.same_shape() && first < pair.a.rows(); first += step) {
      blocks.push_back({pairs.size() - 1, first, std::min(step, pair.a.rows() - first)});
      total += blocks.back().rows * pair.a.cols();
    }
    comparison.both.push_back(std::move(d));
  }
  for (const Key& key : right.order())
    if (left.find(key) == nullptr) comparison.only_b.push_back(right.find(key)->name);

  std::vector<WeightDistance> parts(blocks.size());
  std::mutex mutex;
  pool.run([&](int thread) {
    pool.share_out(std::ssize(blocks), thread, [&](int64_t i) {
      const Block& block = blocks[static_cast<size_t>(i)];
      parts[static_cast<size_t>(i)] = distance(pairs[block.pair], block);
      if (!progress) return;
      const std::lock_guard lock(mutex);
      done += block.rows * pairs[block.pair].a.cols();
      progress(static_cast<double>(done) / static_cast<double>(total));
    });
  });
  for (size_t i = 0; i < blocks.size(); i++) add(comparison.both[blocks[i].pair], parts[i]);
  return comparison;
}

}  // namespace foretell
