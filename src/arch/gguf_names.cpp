#include "arch/gguf_names.h"

#include <algorithm>

#include "foretell/error.h"

namespace foretell {
namespace {

// GGUF's names for the roles, where no architecture has another (the gguf package's constants.py).
constexpr GgufName gguf_names[] = {
    {Role::Embedding, "token_embd"},
    {Role::EmbeddingNorm, "token_embd_norm"},
    {Role::Positions, "position_embd"},
    {Role::AttentionNorm, "blk.{}.attn_norm"},
    {Role::AttentionOutNorm, "blk.{}.post_attention_norm"},
    {Role::Query, "blk.{}.attn_q"},
    {Role::Key, "blk.{}.attn_k"},
    {Role::Value, "blk.{}.attn_v"},
    {Role::QueryKeyValue, "blk.{}.attn_qkv"},
    {Role::QueryGate, "blk.{}.attn_q"},
    {Role::QueryNorm, "blk.{}.attn_q_norm"},
    {Role::KeyNorm, "blk.{}.attn_k_norm"},
    {Role::Sinks, "blk.{}.attn_sinks"},
    {Role::Output, "blk.{}.attn_output"},
    {Role::QueryDown, "blk.{}.attn_q_a"},
    {Role::QueryDownNorm, "blk.{}.attn_q_a_norm"},
    {Role::QueryUp, "blk.{}.attn_q_b"},
    {Role::KeyValueDown, "blk.{}.attn_kv_a_mqa"},
    {Role::KeyValueDownNorm, "blk.{}.attn_kv_a_norm"},
    {Role::KeyValueUp, "blk.{}.attn_kv_b"},
    {Role::DeltaQueryKeyValue, "blk.{}.attn_qkv"},
    {Role::DeltaGate, "blk.{}.attn_gate"},
    {Role::DeltaBeta, "blk.{}.ssm_beta"},
    {Role::DeltaDecay, "blk.{}.ssm_alpha"},
    {Role::DeltaQueryKeyValueGate, "blk.{}.ssm_in"},
    {Role::DeltaBetaDecay, "blk.{}.ssm_ba"},
    {Role::DeltaConvolution, "blk.{}.ssm_conv1d"},
    {Role::DeltaRate, "blk.{}.ssm_a"},
    {Role::DeltaTimeBias, "blk.{}.ssm_dt"},
    {Role::DeltaNorm, "blk.{}.ssm_norm"},
    {Role::DeltaOutput, "blk.{}.ssm_out"},
    {Role::ConvolutionIn, "blk.{}.shortconv.in_proj"},
    {Role::ConvolutionKernel, "blk.{}.shortconv.conv"},
    {Role::ConvolutionOut, "blk.{}.shortconv.out_proj"},
    {Role::MlpNorm, "blk.{}.ffn_norm"},
    {Role::MlpOutNorm, "blk.{}.post_ffw_norm"},
    {Role::Gate, "blk.{}.ffn_gate"},
    {Role::Up, "blk.{}.ffn_up"},
    {Role::GateUp, "blk.{}.ffn_up"},
    {Role::Down, "blk.{}.ffn_down"},
    {Role::Router, "blk.{}.ffn_gate_inp"},
    {Role::RouterNorm, "blk.{}.ffn_gate_inp"},
    {Role::RouterCorrection, "blk.{}.exp_probs_b"},
    {Role::ExpertScales, "blk.{}.ffn_down_exps"},
    {Role::ExpertNorm, "blk.{}.pre_ffw_norm_2"},
    {Role::ExpertOutNorm, "blk.{}.post_ffw_norm_2"},
    {Role::SharedOutNorm, "blk.{}.post_ffw_norm_1"},
    {Role::ExpertGate, "blk.{}.ffn_gate_exps"},
    {Role::ExpertUp, "blk.{}.ffn_up_exps"},
    {Role::ExpertGateUp, "blk.{}.ffn_gate_up_exps"},
    {Role::ExpertDown, "blk.{}.ffn_down_exps"},
    {Role::SharedGate, "blk.{}.ffn_gate_shexp"},
    {Role::SharedUp, "blk.{}.ffn_up_shexp"},
    {Role::SharedDown, "blk.{}.ffn_down_shexp"},
    {Role::SharedExpertGate, "blk.{}.ffn_gate_inp_shexp"},
    {Role::PerLayerEmbedding, "per_layer_token_embd"},
    {Role::PerLayerProjection, "per_layer_model_proj"},
    {Role::PerLayerProjectionNorm, "per_layer_proj_norm"},
    {Role::PerLayerGate, "blk.{}.inp_gate"},
    {Role::PerLayerOut, "blk.{}.proj"},
    {Role::PerLayerNorm, "blk.{}.post_norm"},
    {Role::OutputScale, "blk.{}.layer_output_scale"},
    {Role::FinalNorm, "output_norm"},
    {Role::Unembedding, "output"},
};

// What follows a role's name.
std::string_view suffix(const TensorSpec& tensor) {
  switch (tensor.role) {
    case Role::RouterNorm:
    case Role::ExpertScales:
      return ".scale";
    case Role::RouterCorrection:
    case Role::DeltaTimeBias:
      return ".bias";
    case Role::DeltaRate:
      return "";
    default:
      return tensor.part == Part::Bias ? ".bias" : ".weight";
  }
}

}  // namespace

std::string numbered(std::string_view pattern, int64_t layer) {
  std::string name(pattern);
  if (const size_t hole = name.find("{}"); hole != std::string::npos) name.replace(hole, 2, std::to_string(layer));
  return name;
}

const char* xielu_key(Role role) {
  switch (role) {
    case Role::XIeluAlphaP:
      return "xielu.alpha_p";
    case Role::XIeluAlphaN:
      return "xielu.alpha_n";
    case Role::XIeluBeta:
      return "xielu.beta";
    case Role::XIeluEps:
      return "xielu.eps";
    default:
      return nullptr;
  }
}

std::string gguf_name(const TensorSpec& tensor, const GgufConventions& conventions, const GgufFile& file) {
  const std::string part(suffix(tensor));
  for (const GgufName& own : conventions.names) {
    if (own.role != tensor.role) continue;
    const std::string name = numbered(own.name, tensor.layer) + part;
    if (!own.optional || file.tensors.contains(name)) return name;
  }
  const auto it = std::find_if(std::begin(gguf_names), std::end(gguf_names),
                               [&](const GgufName& entry) { return entry.role == tensor.role; });
  if (it == std::end(gguf_names))
    throw Error({.what = "a tensor that has no name in GGUF",
                 .file = file.path.string(),
                 .where = tensor.name,
                 .expected = "another family",
                 .found = std::string(name(tensor.role))});
  return numbered(it->name, tensor.layer) + part;
}

}  // namespace foretell
