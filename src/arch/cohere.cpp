// Command R (Cohere, 2024) and Command R7B and A (Cohere2, arXiv:2504.00698): Llama's shape with attention and MLP side
// by side after one LayerNorm without bias, neighbouring dimensions that turn, and scaled logits. Cohere2 turns only in
// the layers with a window. Defaults: transformers' CohereConfig and Cohere2Config.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

ModelSpec cohere_spec(const ConfigReader& config, double theta) {
  ModelSpec spec = llama_spec(config, {.vocabulary = 256000,
                                       .hidden = 8192,
                                       .intermediate = 22528,
                                       .layers = 40,
                                       .heads = 64,
                                       .context = 8192,
                                       .tied = true,
                                       .theta = theta,
                                       .mlp_bias = false});
  NormSpec norm = read_layer_norm(config, "layer_norm_eps");
  norm.bias = false;
  set_norms(spec, norm);
  spec.logit_scale = static_cast<float>(config.number_or("logit_scale", 0.0625));
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    attention.rotary->pairing = Rotary::Pairing::Interleaved;
    attention.qk_norm_spec = norm;
  });
  for (LayerSpec& layer : spec.layers) {
    layer.residual = LayerSpec::Residual::Parallel;
    layer.mlp_in.reset();
  }
  return spec;
}

ModelSpec describe_cohere(const ConfigReader& config) {
  ModelSpec spec = cohere_spec(config, 500000);
  if (config.flag_or("use_qk_norm", false))
    for_each_attention(spec, [](Attention& a, int64_t) { a.qk_norm = Attention::QkNorm::PerHeadOwn; });
  return spec;
}

ModelSpec describe_cohere2(const ConfigReader& config) {
  ModelSpec spec = cohere_spec(config, 10000);
  const int64_t window = config.integer_or("sliding_window", config.mentions("sliding_window") ? 0 : 4096);
  const auto windows = read_windows(config, static_cast<int64_t>(spec.layers.size()), window, [&](int64_t layer) {
    return (layer + 1) % config.integer_or("sliding_window_pattern", 4) != 0;
  });
  for_each_attention(spec, [&](Attention& attention, int64_t layer) {
    attention.window = windows[static_cast<size_t>(layer)];
    if (attention.window == 0) attention.rotary.reset();
  });
  return spec;
}

}  // namespace

const Family cohere_family{.model_types = {"cohere"},
                           .gguf_architecture = "command-r",
                           .base_prefix = "model.",
                           .names = llama_names(),
                           .describe = describe_cohere};
const Family cohere2_family{.model_types = {"cohere2"},
                            .gguf_architecture = "cohere2",
                            .base_prefix = "model.",
                            .names = llama_names(),
                            .describe = describe_cohere2};

}  // namespace foretell
