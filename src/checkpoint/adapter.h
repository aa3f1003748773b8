// LoRA adapters (Hu et al., arXiv:2106.09685) in the layout of PEFT: a folder with adapter_config.json and
// adapter_model.safetensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace foretell {

// What an adapter adds to a matrix: row r gets the sum over k of left[r][k] * right[k], the scale included in `left`.
// With magnitudes (DoRA, Liu et al., arXiv:2402.09353) the row is then brought to that length.
struct LowRankUpdate {
  int64_t rank = 0, rows = 0, cols = 0;
  std::vector<float> left = {};        // [rows, rank]
  std::vector<float> right = {};       // [rank, cols]
  std::vector<float> magnitudes = {};  // [rows], or empty

  // values[end - begin] are the row's without the update, and then with it; magnitudes need the whole row.
  void apply(int64_t row, int64_t begin, int64_t end, float* values) const;
};

struct Adapter {
  std::filesystem::path path;
  struct Update {
    std::string module;    // "model.layers.0.self_attn.q_proj"
    LowRankUpdate update;  // rows are outputs
    bool of_embedding = false;
  };
  std::vector<Update> updates;
  // Tensors that replace the model's, by their published names (biases, and modules_to_save).
  std::map<std::string, TensorView> replaced;
  std::vector<std::shared_ptr<const void>> storage;  // keeps their bytes alive
};

// `scale` multiplies the adapter's own. Throws Error where the files are missing or broken, or ask for what is not
// known.
Adapter read_adapter(const std::filesystem::path& folder, double scale);

}  // namespace foretell
