// What a tensor is to a model, whatever its family calls it.
#pragma once

#include <cstdint>
#include <string_view>

namespace foretell {

enum class Role : uint8_t {
  Embedding,      // [vocabulary, hidden]
  EmbeddingNorm,  // [hidden]
  Positions,      // [positions, hidden], learned
  ProjectIn,      // [hidden, embedding_dim]
  ProjectOut,     // [embedding_dim, hidden]
  FinalNorm,
  Unembedding,  // [vocabulary, hidden]

  AttentionNorm,     // before attention (attn_in)
  AttentionOutNorm,  // of what attention adds (attn_out)
  AttentionSumNorm,  // of the stream after it (attn_sum)
  Query,
  Key,
  Value,
  QueryKeyValue,  // the three in one, as Storage says
  QueryGate,      // [heads, 2, head_dim] rows: query and gate of each head in turn
  QueryNorm,
  KeyNorm,
  Sinks,  // [heads]
  Output,

  // LatentAttention
  QueryDown,      // [query_rank, hidden]
  QueryDownNorm,  // [query_rank]
  QueryUp,        // [heads * head_dim, query_rank]
  KeyValueDown,   // [kv_rank + rotary dims, hidden]: the short vector, and the part of the key that turns
  KeyValueDownNorm,
  KeyValueUp,  // [heads, plain_dims + value_head_dim] rows from kv_rank

  // DeltaNet
  DeltaQueryKeyValue,      // [keys, keys, values] rows
  DeltaGate,               // z: [values, hidden]
  DeltaBeta,               // [value_heads, hidden]
  DeltaDecay,              // a: [value_heads, hidden]
  DeltaQueryKeyValueGate,  // for each key head its query, its key, its values, its gates
  DeltaBetaDecay,          // for each key head its betas, its decays
  DeltaConvolution,        // [keys + keys + values, 1, kernel]
  DeltaRate,               // A_log: [value_heads]
  DeltaTimeBias,           // dt_bias: [value_heads]
  DeltaNorm,               // [value_dim]
  DeltaOutput,             // [hidden, values]

  // ShortConvolution
  ConvolutionIn,      // [3 * hidden, hidden]: b, c, x
  ConvolutionKernel,  // [hidden, 1, kernel]
  ConvolutionOut,     // [hidden, hidden]

  MlpNorm,     // before the MLP (mlp_in)
  MlpOutNorm,  // of what it adds (mlp_out)
  MlpSumNorm,  // of the stream after it (mlp_sum)
  Gate,
  Up,
  GateUp,  // the two in one
  Down,
  XIeluAlphaP,  // [1]
  XIeluAlphaN,
  XIeluBeta,  // a number
  XIeluEps,

  // Experts; a stack of all, or one tensor for each where the name has "{e}"
  Router,            // [count, hidden]
  RouterNorm,        // before the router, where it has its own
  RouterCorrection,  // [count]
  ExpertScales,      // [count]
  ExpertNorm,        // before the experts, where they have their own
  ExpertOutNorm,     // of what they add
  SharedOutNorm,     // of what the shared expert adds
  ExpertGate,
  ExpertUp,
  ExpertGateUp,
  ExpertDown,
  SharedGate,
  SharedUp,
  SharedGateUp,
  SharedDown,
  SharedExpertGate,  // [1, hidden]

  // PerLayerInput
  PerLayerEmbedding,       // [per_layer_vocabulary, layers * dims]
  PerLayerProjection,      // [layers * dims, hidden]
  PerLayerProjectionNorm,  // [dims]
  PerLayerGate,            // of a layer: [dims, hidden]
  PerLayerOut,             // [hidden, dims]
  PerLayerNorm,            // [hidden]
  OutputScale,             // [1]
};

enum class Part : uint8_t { Weight, Bias };

std::string_view name(Role role);
bool is_norm(Role role);
// Stored with the weights, but not learned: not a parameter. Folders may leave it out.
bool is_buffer(Role role);

}  // namespace foretell
