// A model's weights, bound to their roles: every family's quirks of storage are gone here.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "arch/family.h"
#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "model/packed_matrix.h"

namespace foretell {

// A vector of weights, padded with zeros to a multiple of kernels::unit_rows; empty where the model has none.
using Vector = AlignedBuffer<float>;

// y = weight x + bias
struct Linear {
  PackedMatrix weight;  // [outputs, inputs]
  Vector bias;          // [outputs]
};

struct Norm {
  Vector weight;  // [size]; empty: no norm here
  Vector bias;    // [size]; zeros where the family has none
  bool present() const { return weight.size() > 0; }
};

struct LayerWeights {
  Norm attn_in, mlp_in;
  Linear query, key, value;   // [heads * head_dim, hidden] and so on
  Norm query_norm, key_norm;  // [head_dim]
  Linear output;              // [hidden, heads * value_head_dim]
  Linear gate, up;            // [intermediate, hidden]; their units stand in turn in memory
  Linear down;                // [hidden, intermediate]
};

struct Weights {
  // The token embedding: packed together with the unembedding where the two are one, else read from the file.
  StoredMatrix embedding;  // [vocabulary, hidden]
  Vector positions;        // learned: [count, hidden padded], or empty
  std::vector<LayerWeights> layers;
  Norm final_norm;
  Linear unembedding;  // [vocabulary, hidden]
  bool tied = false;

  AlignedBytes arena;                            // all packed matrices
  std::shared_ptr<const Checkpoint> checkpoint;  // what `embedding` reads from
  bool quantized = false;                        // the layers' matrices are in affine groups
};

struct BindOptions {
  int quantize_bits = 0;
  Precision precision = Precision::Fast;
  std::function<void(double)> progress = {};
};

// Finds every tensor that the spec asks for, checks its shape, and packs it; on all threads of the pool, layer by
// layer, letting go of the file's pages as it goes. Throws Error.
Weights bind(const Family& family, const ModelSpec& spec, std::shared_ptr<const Checkpoint> checkpoint,
             ThreadPool& pool, const BindOptions& options);

}  // namespace foretell
