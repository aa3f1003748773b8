// How far the weights of two models are from each other, tensor by tensor, whatever formats they are stored in.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "arch/family.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"

namespace foretell {

struct ModelWeights {
  const Family& family;
  const ModelSpec& spec;
  const Checkpoint& checkpoint;
};

struct WeightDistance {
  std::string name;                         // as the first model's family publishes it
  std::vector<int64_t> shape, other_shape;  // [outputs, inputs]; where they differ, there is nothing else
  double difference = 0;                    // sum of (a - b)^2
  double squares = 0, other_squares = 0;    // of a^2 and of b^2
  double product = 0;                       // of a * b
  double largest = 0;                       // |a - b|

  bool same_shape() const { return shape == other_shape; }
  double relative() const;  // |a - b| / |a|; infinite where a is zero and b is not
  double cosine() const;    // 0 where one of them is zero
};

struct WeightComparison {
  std::vector<WeightDistance> both;         // in the order in which a token meets them
  std::vector<std::string> only_a, only_b;  // that the other one's architecture has not
};

// Tensors are the same where their roles, layers and experts are. Reads both models once, over threads. `progress` as
// in tensor_statistics. Throws Error where a tensor is missing or has not the shape that its architecture asks for.
WeightComparison compare_weights(const ModelWeights& a, const ModelWeights& b, ThreadPool& pool,
                                 const std::function<void(double part)>& progress = {});

}  // namespace foretell
