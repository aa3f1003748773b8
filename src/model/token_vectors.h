// The vectors of tokens: rows of the embedding (what a token becomes when it is read) or of the unembedding (what the
// last vector is multiplied with to get the token's logit), as floats, straight from the file. Nothing else of the
// model is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/stored_matrix.h"
#include "foretell/token_id.h"

namespace foretell {

class TokenVectors {
 public:
  enum class Space : uint8_t { Embedding, Unembedding };  // one and the same where the model ties them

  // A folder, or a .safetensors, .gguf or .json file. Throws Error where the matrix is missing or of another shape than
  // config.json says.
  TokenVectors(const std::filesystem::path& path, Space space);

  int64_t count() const { return matrix_.rows(); }  // tokens
  int64_t size() const { return matrix_.cols(); }   // numbers in each vector

  // Thread-safe. Throws Error where there is no such token.
  std::vector<float> at(TokenId id) const;

  // The cosine of the angle between `vector` [size] and each token's, [count]; 0 where one of the two is zero.
  std::vector<double> cosines(std::span<const double> vector, ThreadPool& pool) const;

 private:
  std::shared_ptr<const Checkpoint> checkpoint_;  // what the matrix reads from
  StoredMatrix matrix_;                           // [count, size]
};

// The tokens with the largest cosines, best first, lower ids first among equals.
struct Neighbour {
  TokenId id = 0;
  double cosine = 0;
};
// `allowed`: which may be among them.
std::vector<Neighbour> nearest(std::span<const double> cosines, size_t count,
                               const std::function<bool(TokenId)>& allowed);

double dot(std::span<const double> a, std::span<const double> b);
double length(std::span<const double> vector);

}  // namespace foretell
