// MPT (MosaicML, 2023): GPT-2's shape with ALiBi in place of positions and no biases, not even of the norms. Defaults:
// transformers' MptConfig and MptAttentionConfig; alibi_bias_max counts as in MosaicML's own code (transformers takes 8
// whatever it says), and what neither computes alike is an error.
#include "arch/common.h"
#include "arch/families.h"
#include "arch/gpt2.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  config.only("no_bias", true);
  config.only("embedding_fraction", 1.0);
  config.only("logit_scale", nullptr);
  config.one_of<int>("norm_type", "low_precision_layernorm", {{"low_precision_layernorm", 0}, {"layernorm", 0}});
  ModelSpec spec = gpt_spec(config, {.vocabulary = config.integer_or("vocab_size", 50368),
                                     .hidden = config.integer_or(config.one_key({"d_model", "hidden_size"}), 2048),
                                     .context = config.integer_or("max_seq_len", 2048),
                                     .layers = config.integer_or(config.one_key({"n_layers", "num_hidden_layers"}), 24),
                                     .heads = config.integer_or(config.one_key({"n_heads", "num_attention_heads"}), 16),
                                     .epsilon = config.number_or("layer_norm_epsilon", 1e-5)});

  const Json nothing = Json::object();
  const ConfigReader settings = config.object("attn_config").value_or(ConfigReader(nothing, config.file()));
  settings.only("attn_type", "multihead_attention");
  settings.only("alibi", true);
  settings.only("prefix_lm", false);
  settings.only("qk_ln", false);
  const double max_bias = settings.number_or("alibi_bias_max", 8);

  spec.final_norm->bias = false;
  for_each_layer(spec, [&](LayerSpec& layer, Attention& attention, Dense& mlp) {
    layer.attn_in->bias = layer.mlp_in->bias = false;
    attention.query_bias = attention.key_bias = attention.value_bias = attention.output_bias = false;
    mlp.up_bias = mlp.down_bias = false;
    attention.scale = static_cast<float>(settings.number_or("softmax_scale", static_cast<double>(attention.scale)));
    attention.clip = static_cast<float>(settings.number_or("clip_qkv", 0));
    attention.alibi = alibi_slopes(attention.heads, max_bias);
  });
  return spec;
}

const Family mpt_family{.model_types = {"mpt"},
                        .gguf_architecture = "mpt",
                        .base_prefix = "transformer.",
                        .names = {{Role::Embedding, "transformer.wte"},
                                  {Role::AttentionNorm, "transformer.blocks.{}.norm_1"},
                                  {Role::QueryKeyValue, "transformer.blocks.{}.attn.Wqkv"},
                                  {Role::Output, "transformer.blocks.{}.attn.out_proj"},
                                  {Role::MlpNorm, "transformer.blocks.{}.norm_2"},
                                  {Role::Up, "transformer.blocks.{}.ffn.up_proj"},
                                  {Role::Down, "transformer.blocks.{}.ffn.down_proj"},
                                  {Role::FinalNorm, "transformer.norm_f"},
                                  {Role::Unembedding, "lm_head"}},
                        .describe = describe};

}  // namespace foretell
