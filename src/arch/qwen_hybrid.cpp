// Qwen3-Next and Qwen3.5: three of four layers mix tokens with the gated delta rule (Yang et al., arXiv:2412.06464),
// the fourth with attention whose output goes through a gate. Norms store w - 1. Defaults: transformers'
// Qwen3NextConfig, Qwen3_5TextConfig and Qwen3_5MoeTextConfig.
#include "arch/common.h"
#include "arch/experts.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

DeltaNet read_delta(const ConfigReader& config, const NormSpec& norm) {
  DeltaNet delta{.key_heads = config.integer_or("linear_num_key_heads", 16),
                 .value_heads = config.integer_or("linear_num_value_heads", 32),
                 .key_dim = config.integer_or("linear_key_head_dim", 128),
                 .value_dim = config.integer_or("linear_value_head_dim", 128),
                 .kernel = config.integer_or("linear_conv_kernel_dim", 4),
                 .norm = {.epsilon = norm.epsilon}};
  if (delta.value_heads % delta.key_heads != 0)
    throw config.error("linear_num_value_heads", "the heads cannot be shared out evenly",
                       "a multiple of linear_num_key_heads = " + std::to_string(delta.key_heads),
                       std::to_string(delta.value_heads));
  return delta;
}

ModelSpec hybrid_spec(const ConfigReader& config, const LlamaDefaults& defaults) {
  ModelSpec spec = llama_spec(config, defaults);
  NormSpec norm = *spec.final_norm;
  norm.weight_plus_one = true;
  const DeltaNet delta = read_delta(config, norm);
  const int64_t interval = config.integer_or("full_attention_interval", 4);
  const auto attends = layers_of_type(config, static_cast<int64_t>(spec.layers.size()), "full_attention",
                                      "linear_attention", [&](int64_t layer) { return (layer + 1) % interval == 0; });
  for (size_t i = 0; i < spec.layers.size(); i++) {
    LayerSpec& layer = spec.layers[i];
    layer.attn_in = layer.mlp_in = norm;
    Attention& attention = *attention_of(layer);
    attention.gate = true;
    attention.qk_norm = Attention::QkNorm::PerHead;
    attention.qk_norm_spec = norm;
    attention.rotary = read_rotary(config, attention.head_dim, spec.context, {.partial = 0.25});
    auto& mlp = std::get<Dense>(layer.mlp);
    mlp.up_bias = mlp.down_bias = false;
    if (!attends[i]) layer.mixer = delta;
  }
  spec.final_norm = norm;
  return spec;
}

struct ExpertDefaults {
  int64_t count = 512, chosen = 10, intermediate = 512, shared = 512;
};

void use_experts_of_hybrid(ModelSpec& spec, const ConfigReader& config, const ExpertDefaults& defaults, bool all) {
  const int64_t count = config.integer_or("num_experts", defaults.count, 0);
  if (count == 0) return;
  Dense expert = std::get<Dense>(spec.layers.front().mlp), shared = expert;
  expert.intermediate = config.integer_or("moe_intermediate_size", defaults.intermediate);
  shared.intermediate = config.integer_or("shared_expert_intermediate_size", defaults.shared);
  const Experts experts{.count = count,
                        .chosen = config.integer_or("num_experts_per_tok", defaults.chosen),
                        .expert = expert,
                        .normalize = all || config.flag_or("norm_topk_prob", true),
                        .shared = shared,
                        .shared_gate = true};
  if (all) {
    use_experts(spec, config, experts, [](int64_t) { return true; });
  } else {
    use_experts_in_steps(spec, config, experts);
  }
}

ModelSpec describe_next(const ConfigReader& config) {
  ModelSpec spec = hybrid_spec(config, {.vocabulary = 151936,
                                        .hidden = 2048,
                                        .intermediate = 5632,
                                        .layers = 48,
                                        .heads = 16,
                                        .kv_heads = 2,
                                        .head_dim = 256,
                                        .context = 32768});
  use_experts_of_hybrid(spec, config, {}, false);
  return spec;
}

ModelSpec describe_qwen3_5(const ConfigReader& config) {
  return hybrid_spec(
      config,
      {.vocabulary = 248320, .intermediate = 12288, .heads = 16, .kv_heads = 4, .head_dim = 256, .context = 32768});
}

ModelSpec describe_qwen3_5_moe(const ConfigReader& config) {
  ModelSpec spec = hybrid_spec(config, {.vocabulary = 248320,
                                        .hidden = 2048,
                                        .layers = 40,
                                        .heads = 16,
                                        .kv_heads = 2,
                                        .head_dim = 256,
                                        .context = 32768});
  use_experts_of_hybrid(spec, config, {.count = 256, .chosen = 8}, true);
  return spec;
}

// `delta` are the names of the linear layers' projections; `experts` those of the experts' matrices.
std::vector<RoleName> names(std::initializer_list<RoleName> delta, std::initializer_list<RoleName> experts) {
  std::vector<RoleName> names = {{Role::Embedding, "model.embed_tokens"},
                                 {Role::AttentionNorm, "model.layers.{}.input_layernorm"},
                                 {Role::QueryGate, "model.layers.{}.self_attn.q_proj"},
                                 {Role::Key, "model.layers.{}.self_attn.k_proj"},
                                 {Role::Value, "model.layers.{}.self_attn.v_proj"},
                                 {Role::QueryNorm, "model.layers.{}.self_attn.q_norm"},
                                 {Role::KeyNorm, "model.layers.{}.self_attn.k_norm"},
                                 {Role::Output, "model.layers.{}.self_attn.o_proj"}};
  names.insert(names.end(), delta);
  names.insert(names.end(), {{Role::DeltaConvolution, "model.layers.{}.linear_attn.conv1d"},
                             {Role::DeltaRate, "model.layers.{}.linear_attn.A_log", ""},
                             {Role::DeltaTimeBias, "model.layers.{}.linear_attn.dt_bias", ""},
                             {Role::DeltaNorm, "model.layers.{}.linear_attn.norm"},
                             {Role::DeltaOutput, "model.layers.{}.linear_attn.out_proj"},
                             {Role::MlpNorm, "model.layers.{}.post_attention_layernorm"},
                             {Role::Gate, "model.layers.{}.mlp.gate_proj"},
                             {Role::Up, "model.layers.{}.mlp.up_proj"},
                             {Role::Down, "model.layers.{}.mlp.down_proj"},
                             {Role::Router, "model.layers.{}.mlp.gate"}});
  names.insert(names.end(), experts);
  names.insert(names.end(), {{Role::SharedExpertGate, "model.layers.{}.mlp.shared_expert_gate"},
                             {Role::SharedGate, "model.layers.{}.mlp.shared_expert.gate_proj"},
                             {Role::SharedUp, "model.layers.{}.mlp.shared_expert.up_proj"},
                             {Role::SharedDown, "model.layers.{}.mlp.shared_expert.down_proj"},
                             {Role::FinalNorm, "model.norm"},
                             {Role::Unembedding, "lm_head"}});
  return names;
}

// By key heads, and as one list.
const std::initializer_list<RoleName> grouped = {
    {Role::DeltaQueryKeyValueGate, "model.layers.{}.linear_attn.in_proj_qkvz"},
    {Role::DeltaBetaDecay, "model.layers.{}.linear_attn.in_proj_ba"}};
const std::initializer_list<RoleName> listed = {{Role::DeltaQueryKeyValue, "model.layers.{}.linear_attn.in_proj_qkv"},
                                                {Role::DeltaGate, "model.layers.{}.linear_attn.in_proj_z"},
                                                {Role::DeltaBeta, "model.layers.{}.linear_attn.in_proj_b"},
                                                {Role::DeltaDecay, "model.layers.{}.linear_attn.in_proj_a"}};

}  // namespace

const Family qwen3_next_family{
    .model_types = {"qwen3_next"},
    .gguf_architecture = "qwen3next",
    .base_prefix = "model.",
    .names = names(grouped, {{Role::ExpertGate, "model.layers.{}.mlp.experts.{e}.gate_proj"},
                             {Role::ExpertUp, "model.layers.{}.mlp.experts.{e}.up_proj"},
                             {Role::ExpertDown, "model.layers.{}.mlp.experts.{e}.down_proj"}}),
    .describe = describe_next};
const Family qwen3_5_family{.model_types = {"qwen3_5_text", "qwen3_5"},
                            .gguf_architecture = "qwen35",
                            .base_prefix = "model.",
                            .names = names(listed, {}),
                            .describe = describe_qwen3_5};
const Family qwen3_5_moe_family{
    .model_types = {"qwen3_5_moe_text", "qwen3_5_moe"},
    .gguf_architecture = "qwen35moe",
    .base_prefix = "model.",
    .names = names(listed, {{Role::ExpertGateUp, "model.layers.{}.mlp.experts.gate_up_proj", ""},
                            {Role::ExpertDown, "model.layers.{}.mlp.experts.down_proj", ""}}),
    .describe = describe_qwen3_5_moe};

}  // namespace foretell
