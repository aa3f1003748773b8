// The tensors of a model: as stored or as its config declares them, what their numbers are like, and as a tree.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "arch/family.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/tensor_statistics.h"
#include "cli/context.h"
#include "cli/terminal.h"

namespace foretell::cli {

struct ListedTensor {
  std::string name, dtype;
  std::vector<int64_t> shape;
  int64_t bytes = 0;
  std::optional<StoredMatrix> matrix = {};          // what its numbers are read as; the checkpoint outlives it
  std::optional<TensorStatistics> statistics = {};  // of the numbers that it stands for: codes times scales
  bool part = false;                                // scales or biases of another one
  std::shared_ptr<const TensorView> flat = {};      // what `matrix` reads where it is no matrix
};

// In the order of their names, "layers.2" before "layers.10".
std::vector<ListedTensor> stored_tensors(const Checkpoint& checkpoint);
std::vector<ListedTensor> declared_tensors(const std::vector<TensorSpec>& table, DType dtype);

// Reads every number of those that can be read, on all threads, and shows how far it is.
void read_statistics(std::vector<ListedTensor>& tensors, const Context& context, const std::string& what);

nlohmann::ordered_json tensors_json(const std::vector<ListedTensor>& tensors);
std::string tensor_tree(const std::vector<ListedTensor>& tensors, const Terminal& terminal);

}  // namespace foretell::cli
