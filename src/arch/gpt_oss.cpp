// gpt-oss (OpenAI, arXiv:2508.10925): experts with a clamped SwiGLU, windows in every other layer, and a learned sink
// that takes its part of each head's softmax. Defaults: transformers' GptOssConfig.
#include <cmath>

#include "arch/common.h"
#include "arch/experts.h"
#include "arch/families.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  config.only("hidden_act", "silu");
  ModelSpec spec = llama_spec(config, {.vocabulary = 201088,
                                       .hidden = 2880,
                                       .intermediate = 2880,
                                       .layers = 36,
                                       .heads = 64,
                                       .kv_heads = 8,
                                       .head_dim = 64,
                                       .context = 131072,
                                       .epsilon = 1e-5,
                                       .theta = 150000,
                                       .mlp_bias = false});
  const auto windows = read_windows(config, static_cast<int64_t>(spec.layers.size()),
                                    config.integer_or("sliding_window", config.mentions("sliding_window") ? 0 : 128),
                                    [](int64_t layer) { return layer % 2 == 0; });
  const bool scaled = config.has("rope_scaling") || config.has("rope_parameters");
  for_each_attention(spec, [&](Attention& attention, int64_t layer) {
    attention.window = windows[static_cast<size_t>(layer)];
    attention.sinks = true;
    attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias =
        config.flag_or("attention_bias", true);
    if (!scaled)  // the class's own
      attention.rotary->scaling = YarnScaling{
          .factor = 32, .attention_factor = 0.1 * std::log(32.0) + 1, .original_context = 4096, .truncate = false};
  });
  Experts experts{.count = config.integer_or(config.one_key({"num_local_experts", "num_experts"}), 128),
                  .chosen = config.integer_or("num_experts_per_tok", 4),
                  .expert = std::get<Dense>(spec.layers.front().mlp),
                  .score = Experts::Score::SoftmaxOfChosen,
                  .router_bias = true};
  experts.expert.up_bias = experts.expert.down_bias = true;
  experts.expert.limit = static_cast<float>(config.number_or("swiglu_limit", 7));
  experts.expert.alpha = static_cast<float>(config.number_or("swiglu_alpha", 1.702));
  use_experts(spec, config, experts, [](int64_t) { return true; });
  spec.storage = {.gate_up_interleaved = true, .experts_transposed = true};
  return spec;
}

const Family gpt_oss_family{
    .model_types = {"gpt_oss"},
    .gguf_architecture = "gpt-oss",
    .base_prefix = "model.",
    .names = llama_names_and({{Role::Sinks, "model.layers.{}.self_attn.sinks", ""},
                              {Role::Router, "model.layers.{}.mlp.router"},
                              {Role::ExpertGateUp, "model.layers.{}.mlp.experts.gate_up_proj", "", "_bias"},
                              {Role::ExpertDown, "model.layers.{}.mlp.experts.down_proj", "", "_bias"}}),
    .describe = describe};

}  // namespace foretell
