// Qwen2 and Qwen3 with experts (arXiv:2407.10671, with an MLP that every token goes through behind a gate;
// arXiv:2505.09388, without), and the text part of Qwen3-VL, whose experts are stacks. Defaults: transformers'
// Qwen2MoeConfig, Qwen3MoeConfig and Qwen3VLMoeTextConfig.
#include "arch/common.h"
#include "arch/experts.h"
#include "arch/families.h"

namespace foretell {
namespace {

// An MLP like that of the dense layers, of another size.
Dense resized(const ModelSpec& spec, int64_t intermediate) {
  Dense mlp = std::get<Dense>(spec.layers.front().mlp);
  mlp.intermediate = intermediate;
  return mlp;
}

ModelSpec describe_qwen2(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 151936,
                                       .hidden = 2048,
                                       .intermediate = 5632,
                                       .layers = 24,
                                       .heads = 16,
                                       .kv_heads = 16,
                                       .context = 32768,
                                       .attention_bias = false,
                                       .mlp_bias = false});
  const bool sliding = config.flag_or("use_sliding_window", false);
  const int64_t first_full = config.integer_or("max_window_layers", 28, 0);
  const auto windows = read_windows(config, static_cast<int64_t>(spec.layers.size()),
                                    sliding ? config.integer_or("sliding_window", 4096) : 0,
                                    [&](int64_t layer) { return sliding && layer % 2 == 0 && layer < first_full; });
  for_each_attention(spec, [&](Attention& attention, int64_t layer) {
    attention.window = windows[static_cast<size_t>(layer)];
    attention.query_bias = attention.key_bias = attention.value_bias = config.flag_or("qkv_bias", true);
  });
  const Experts experts{.count = config.integer_or("num_experts", 60, 0),
                        .chosen = config.integer_or("num_experts_per_tok", 4),
                        .expert = resized(spec, config.integer_or("moe_intermediate_size", 1408)),
                        .normalize = config.flag_or("norm_topk_prob", false),
                        .shared = resized(spec, config.integer_or("shared_expert_intermediate_size", 5632)),
                        .shared_gate = true};
  use_experts_in_steps(spec, config, experts);
  return spec;
}

ModelSpec describe_qwen3(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 151936,
                                       .hidden = 2048,
                                       .intermediate = 6144,
                                       .layers = 24,
                                       .kv_heads = 4,
                                       .context = 32768,
                                       .mlp_bias = false});
  const bool sliding = config.flag_or("use_sliding_window", false);
  const int64_t window =
      sliding ? config.integer_or("sliding_window", config.mentions("sliding_window") ? 0 : 4096) : 0;
  norm_queries_and_keys(spec);
  for_each_attention(spec, [&](Attention& attention, int64_t) { attention.window = window; });
  const Experts experts{.count = config.integer_or(config.one_key({"num_experts", "num_local_experts"}), 128, 0),
                        .chosen = config.integer_or("num_experts_per_tok", 8),
                        .expert = resized(spec, config.integer_or("moe_intermediate_size", 768)),
                        .normalize = config.flag_or("norm_topk_prob", false)};
  use_experts_in_steps(spec, config, experts);
  return spec;
}

ModelSpec describe_qwen3_vl(const ConfigReader& config) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 151936,
                                       .hidden = 2048,
                                       .intermediate = 5632,
                                       .layers = 24,
                                       .heads = 16,
                                       .kv_heads = 16,
                                       .context = 128000,
                                       .tied = true,
                                       .theta = 500000,
                                       .mlp_bias = false});
  norm_queries_and_keys(spec);
  const Experts experts{.count = config.integer_or(config.one_key({"num_experts", "num_local_experts"}), 60, 0),
                        .chosen = config.integer_or("num_experts_per_tok", 4),
                        .expert = resized(spec, config.integer_or("moe_intermediate_size", 1408)),
                        .normalize = true};
  use_experts_in_steps(spec, config, experts);
  return spec;
}

}  // namespace

const Family qwen2_moe_family{
    .model_types = {"qwen2_moe"},
    .gguf_architecture = "qwen2moe",
    .base_prefix = "model.",
    .names = names_with_experts({{Role::SharedExpertGate, "model.layers.{}.mlp.shared_expert_gate"},
                                 {Role::SharedGate, "model.layers.{}.mlp.shared_expert.gate_proj"},
                                 {Role::SharedUp, "model.layers.{}.mlp.shared_expert.up_proj"},
                                 {Role::SharedDown, "model.layers.{}.mlp.shared_expert.down_proj"}}),
    .describe = describe_qwen2};
const Family qwen3_moe_family{.model_types = {"qwen3_moe"},
                              .gguf_architecture = "qwen3moe",
                              .base_prefix = "model.",
                              .names = names_with_experts(),
                              .describe = describe_qwen3};
const Family qwen3_vl_moe_family{
    .model_types = {"qwen3_vl_moe_text", "qwen3_vl_moe"},
    .gguf_architecture = "qwen3vlmoe",
    .base_prefix = "model.",
    .names = llama_names_and({{Role::Router, "model.layers.{}.mlp.gate"},
                              {Role::ExpertGateUp, "model.layers.{}.mlp.experts.gate_up_proj", ""},
                              {Role::ExpertDown, "model.layers.{}.mlp.experts.down_proj", ""}}),
    .describe = describe_qwen3_vl};

}  // namespace foretell
