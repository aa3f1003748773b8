// Weights that a person can read and edit: {"model.norm.weight": [1, 0.5], "lm_head.weight": [[0.1, 2], [-1, 0]]}.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace foretell {

struct JsonTensor {
  std::string name;
  std::vector<int64_t> shape;  // a number alone has none
  std::vector<float> values;   // row-major
};

// Throws Error, with the place like "model.norm.weight[3][1]", where an array is ragged or holds anything but numbers
// within the range of a float, and where a name occurs twice.
std::vector<JsonTensor> parse_json_weights(std::string_view text, const std::filesystem::path& path);

// Reads the file and adds its tensors, as F32, to the checkpoint.
void add_json_weights(const std::filesystem::path& path, Checkpoint& checkpoint);

}  // namespace foretell
