// What a tensor is to a model, whatever its family calls it.
#pragma once

#include <cstdint>
#include <string_view>

namespace foretell {

enum class Role : uint8_t {
  Embedding,      // [vocabulary, hidden]
  Positions,      // [positions, hidden], learned
  AttentionNorm,  // before attention (attn_in)
  AttentionOutNorm,
  Query,
  Key,
  Value,
  QueryKeyValue,  // the three in one, as Fusion says
  QueryNorm,
  KeyNorm,
  Output,
  MlpNorm,  // before the MLP (mlp_in)
  MlpOutNorm,
  Gate,
  Up,
  GateUp,  // the two in one
  Down,
  FinalNorm,
  Unembedding,  // [vocabulary, hidden]
};

enum class Part : uint8_t { Weight, Bias };

std::string_view name(Role role);

}  // namespace foretell
