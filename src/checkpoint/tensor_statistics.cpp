#include "checkpoint/tensor_statistics.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/mapped_file.h"

namespace foretell {
namespace {

// Some rows of a matrix: what a thread reads at a time.
struct Block {
  size_t matrix;
  int64_t first, rows;
};

std::vector<Block> blocks_of(std::span<const StoredMatrix> matrices) {
  constexpr int64_t numbers = 1 << 18;
  std::vector<Block> blocks;
  for (size_t m = 0; m < matrices.size(); m++) {
    const int64_t rows = matrices[m].rows();
    const int64_t step =
        std::clamp<int64_t>(numbers / std::max<int64_t>(matrices[m].cols(), 1), 1, std::max<int64_t>(rows, 1));
    for (int64_t first = 0; first < rows; first += step) blocks.push_back({m, first, std::min(step, rows - first)});
  }
  return blocks;
}

TensorStatistics read(const StoredMatrix& matrix, const Block& block, std::vector<float>& row) {
  TensorStatistics seen;
  row.resize(static_cast<size_t>(matrix.cols()));
  for (int64_t r = block.first; r < block.first + block.rows; r++) {
    matrix.read_row(r, row.data());
    for (size_t c = 0; c < row.size(); c++) seen.add(row[c], r * matrix.cols() + static_cast<int64_t>(c));
  }
  for (const auto& bytes : matrix.file_bytes(block.first, block.rows)) release_pages(bytes);
  return seen;
}

}  // namespace

double TensorStatistics::mean() const { return count > not_finite ? sum / static_cast<double>(count - not_finite) : 0; }

double TensorStatistics::deviation() const {
  if (count <= not_finite) return 0;
  const double m = mean();
  return std::sqrt(std::max(0.0, squares / static_cast<double>(count - not_finite) - m * m));
}

double TensorStatistics::zero_share() const {
  return count > 0 ? static_cast<double>(zeros) / static_cast<double>(count) : 0;
}

void TensorStatistics::add(float value, int64_t place) {
  count++;
  if (!std::isfinite(value)) {
    if (not_finite++ == 0) first_bad = place, first_bad_value = value;
    return;
  }
  zeros += value == 0 ? 1 : 0;
  smallest = std::min(smallest, value);
  largest = std::max(largest, value);
  sum += value;
  squares += static_cast<double>(value) * value;
}

void TensorStatistics::add(const TensorStatistics& after) {
  if (not_finite == 0) first_bad = after.first_bad, first_bad_value = after.first_bad_value;
  count += after.count;
  zeros += after.zeros;
  not_finite += after.not_finite;
  smallest = std::min(smallest, after.smallest);
  largest = std::max(largest, after.largest);
  sum += after.sum;
  squares += after.squares;
}

std::vector<TensorStatistics> tensor_statistics(std::span<const StoredMatrix> matrices, ThreadPool& pool,
                                                const std::function<void(int64_t)>& progress) {
  const std::vector<Block> blocks = blocks_of(matrices);
  std::vector<TensorStatistics> parts(blocks.size()), all(matrices.size());
  std::mutex mutex;
  pool.run([&](int thread) {
    std::vector<float> row;
    pool.share_out(std::ssize(blocks), thread, [&](int64_t i) {
      const Block& block = blocks[static_cast<size_t>(i)];
      parts[static_cast<size_t>(i)] = read(matrices[block.matrix], block, row);
      if (!progress) return;
      const std::lock_guard lock(mutex);
      progress(block.rows * matrices[block.matrix].cols());
    });
  });
  for (size_t i = 0; i < blocks.size(); i++) all[blocks[i].matrix].add(parts[i]);
  return all;
}

}  // namespace foretell
