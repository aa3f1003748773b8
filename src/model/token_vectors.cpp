#include "model/token_vectors.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "arch/open_model.h"
#include "foretell/error.h"
#include "model/finder.h"

namespace foretell {

TokenVectors::TokenVectors(const std::filesystem::path& path, Space space)
    : checkpoint_(std::make_shared<const Checkpoint>(open_model(path, {.tokenizer = false}))) {
  const ConfigReader config(checkpoint_->config, checkpoint_->config_file());
  const Family& family = find_family(config);
  const ModelSpec spec = family.describe(config);
  const bool first = space == Space::Embedding || spec.tied_embeddings;
  matrix_ = Finder(family, spec, *checkpoint_).matrix({}, first ? Role::Embedding : Role::Unembedding).stored;
}

std::vector<float> TokenVectors::at(TokenId id) const {
  if (id < 0 || id >= count())
    throw Error({.what = "a token has no vector in this model",
                 .file = checkpoint_->path.string(),
                 .where = matrix_.name(),
                 .expected = "an id from 0 to " + std::to_string(count() - 1),
                 .found = std::to_string(id)});
  std::vector<float> vector(static_cast<size_t>(size()));
  matrix_.read_row(id, vector.data());
  return vector;
}

namespace {

// In several sums side by side, so that they need not wait for each other.
double cosine(std::span<const double> vector, double length_of_vector, std::span<const float> row) {
  constexpr size_t lanes = 8;
  double products[lanes] = {}, squares[lanes] = {};
  const auto add = [&](size_t i, size_t lane) {
    const double x = row[i];
    products[lane] += vector[i] * x;
    squares[lane] += x * x;
  };
  size_t i = 0;
  for (; i + lanes <= row.size(); i += lanes)
    for (size_t lane = 0; lane < lanes; lane++) add(i + lane, lane);
  for (; i < row.size(); i++) add(i, 0);
  double product = 0, square = 0;
  for (size_t lane = 0; lane < lanes; lane++) product += products[lane], square += squares[lane];
  const double lengths = length_of_vector * std::sqrt(square);
  return lengths > 0 ? product / lengths : 0;
}

}  // namespace

std::vector<double> TokenVectors::cosines(std::span<const double> vector, ThreadPool& pool) const {
  std::vector<double> cosines(static_cast<size_t>(count()));
  const double own = length(vector);
  for_blocks(pool, count(), [&](int64_t first, int64_t n) {
    std::vector<float> row(static_cast<size_t>(size()));
    for (int64_t i = first; i < first + n; i++) {
      matrix_.read_row(i, row.data());
      cosines[static_cast<size_t>(i)] = cosine(vector, own, row);
    }
  });
  return cosines;
}

std::vector<Neighbour> nearest(std::span<const double> cosines, size_t count,
                               const std::function<bool(TokenId)>& allowed) {
  std::vector<Neighbour> all;
  for (size_t i = 0; i < cosines.size(); i++) {
    const auto id = static_cast<TokenId>(i);
    if (allowed(id)) all.push_back({id, cosines[i]});
  }
  count = std::min(count, all.size());
  const auto better = [](const Neighbour& a, const Neighbour& b) {
    return a.cosine > b.cosine || (a.cosine == b.cosine && a.id < b.id);
  };
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(), better);
  all.resize(count);
  return all;
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); i++) sum += a[i] * b[i];
  return sum;
}

double length(std::span<const double> vector) { return std::sqrt(dot(vector, vector)); }

}  // namespace foretell
