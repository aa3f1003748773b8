// A model's weights, bound to their roles: every family's quirks of storage are gone here.
#pragma once

#include <functional>
#include <memory>
#include <string>
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
  PackedMatrix weight;  // [outputs, inputs]; no rows: not there
  Vector bias;          // [outputs]
};

// Its spec says whether it is there. Weights are ones, and biases zeros, where the family stores none.
struct Norm {
  Vector weight;  // [size]
  Vector bias;    // [size]
};

struct AttentionWeights {
  Linear query, key, value;   // [heads * head_dim, hidden] and so on
  Linear gate;                // [heads * value_head_dim, hidden]
  Norm query_norm, key_norm;  // [head_dim], or [heads][head_dim padded] of their own, or [heads * head_dim]
  Norm value_norm;            // [value_head_dim]
  Vector sinks;               // [heads]
  Linear output;              // [hidden, heads * value_head_dim]

  // LatentAttention: `query`, `key` (its plain dimensions) and `value` then read short vectors.
  Linear query_down, kv_down;  // [rank, hidden]
  Linear key_rotary;           // [rotary dims, hidden]: the part of the key that all heads share
  Norm query_down_norm, kv_down_norm;
};

struct DeltaWeights {
  Linear query, key, value, gate;  // [heads * dim, hidden]
  Linear beta, decay;              // [value_heads, hidden]
  Vector taps;                     // [kernel][query, key and value channels padded]: the oldest token first
  Vector rate, time_bias;          // [value_heads]
  Norm norm;                       // [value_dim]
  Linear output;
};

struct ConvolutionWeights {
  Linear b, c, x;  // [hidden, hidden]
  Vector taps;     // [kernel][hidden padded]: the oldest token first
  Vector bias;     // [hidden]
  Linear output;
};

struct MlpWeights {
  Linear gate, up;  // [intermediate, hidden]; their units stand in turn in memory
  Linear down;      // [hidden, intermediate]
  struct XIelu {
    float alpha_p = 0, alpha_n = 0, beta = 0.5f, eps = -1e-6f;  // as the function takes them
  } xielu;
};

struct ExpertsWeights {
  Linear router;      // [count, hidden]
  Vector correction;  // [count]
  Vector scales;      // [count]
  std::vector<MlpWeights> experts;
  Linear shared_gate;                                 // [1, hidden]
  Norm router_in, expert_in, expert_out, shared_out;  // of branches
};

struct LayerWeights {
  Norm attn_in, attn_out, attn_sum, mlp_in, mlp_out, mlp_sum;
  AttentionWeights attention;
  DeltaWeights delta;
  ConvolutionWeights convolution;
  MlpWeights mlp;  // the dense one or the shared expert
  ExpertsWeights experts;
  Linear per_layer_gate, per_layer_out;  // [dims, hidden], [hidden, dims]
  Norm per_layer_norm;                   // [hidden]
  float output_scale = 1;
};

struct Weights {
  // The token embedding: packed together with the unembedding where the two are one, else read from the file.
  StoredMatrix embedding;  // [vocabulary, hidden]
  Norm embedding_norm;
  Vector positions;  // learned: [count, hidden padded], or empty
  Linear project_in, project_out;
  StoredMatrix per_layer_embedding;  // [per_layer_vocabulary, layers * dims]
  Linear per_layer_projection;       // [layers * dims, hidden]
  Norm per_layer_projection_norm;    // [dims]
  std::vector<LayerWeights> layers;
  Norm final_norm;
  Linear unembedding;  // [vocabulary, hidden]
  bool tied = false;

  AlignedBytes arena;                            // all packed matrices
  std::shared_ptr<const Checkpoint> checkpoint;  // what the embeddings read from
  bool quantized = false;                        // some matrices of layers are in affine groups
  std::string rounded;  // "9 matrices in Q6_K", where some can only be decoded and were rounded
};

struct BindOptions {
  int quantize_bits = 0;
  Precision precision = Precision::Fast;
  std::function<void(double)> progress = {};
};

// Finds every tensor that the spec asks for, checks its shape, and packs it; on all threads of the pool, layer by
// layer, letting go of the file's pages as it goes. Throws Error.
Weights bind(const Family& family, const ModelSpec& spec, std::shared_ptr<const Checkpoint> checkpoint,
             const kernels::Table& table, ThreadPool& pool, const BindOptions& options);

}  // namespace foretell
