#include "arch/latent.h"

#include <algorithm>
#include <cmath>

#include "arch/common.h"

namespace foretell {
namespace {

// YaRN's temperature once more: the reference multiplies the scores' scale with its square, of mscale_all_dim.
double score_growth(const ConfigReader& config) {
  auto rope = config.object("rope_scaling");
  if (!rope) rope = config.object("rope_parameters");
  if (!rope || rope->text_or(rope->one_key({"rope_type", "type"}), "default") == "default") return 1;
  const double mscale = rope->number_or("mscale_all_dim", 0);
  if (mscale == 0) return 1;
  const double factor = rope->number("factor");
  return factor <= 1 ? 1 : std::pow(0.1 * mscale * std::log(factor) + 1, 2);
}

}  // namespace

ModelSpec latent_spec(const ConfigReader& config, LlamaDefaults defaults, const LatentDefaults& latent,
                      Rotary::Pairing pairing) {
  const int64_t turning = config.integer_or("qk_rope_head_dim", latent.turning);
  defaults.head_dim = turning;
  ModelSpec spec = llama_spec(config, defaults);
  LatentAttention mixer{
      .attention = std::get<Attention>(spec.layers.front().mixer),
      // A null is no rank at all: queries come from one matrix.
      .query_rank = config.integer_or("q_lora_rank", config.mentions("q_lora_rank") ? 0 : latent.query_rank),
      .kv_rank = config.integer_or("kv_lora_rank", latent.kv_rank),
      .plain_dims = config.integer_or("qk_nope_head_dim", latent.plain)};
  mixer.down_bias = mixer.attention.output_bias;
  Attention& attention = mixer.attention;
  if (attention.kv_heads != attention.heads)
    throw config.error("num_key_value_heads", "an option that is not supported", std::to_string(attention.heads),
                       std::to_string(attention.kv_heads));
  attention.head_dim = mixer.plain_dims + turning;
  attention.value_head_dim =
      config.integer_or("v_head_dim", latent.value != 0 ? latent.value : spec.hidden / attention.heads);
  attention.scale = static_cast<float>(score_growth(config) / std::sqrt(static_cast<double>(attention.head_dim)));
  attention.rotary = read_rotary(config, turning, spec.context, {.theta = defaults.theta});  // whatever head_dim is
  attention.rotary->first = mixer.plain_dims;
  attention.rotary->pairing = pairing;
  attention.query_bias = attention.key_bias = attention.value_bias = false;
  mixer.norm.epsilon = 1e-6f;  // whatever rms_norm_eps is
  for (LayerSpec& layer : spec.layers) layer.mixer = mixer;
  return spec;
}

std::vector<RoleName> with_latent_names(std::vector<RoleName> names) {
  const std::vector<RoleName> latent = {{Role::QueryDown, "model.layers.{}.self_attn.q_a_proj"},
                                        {Role::QueryDownNorm, "model.layers.{}.self_attn.q_a_layernorm"},
                                        {Role::QueryUp, "model.layers.{}.self_attn.q_b_proj"},
                                        {Role::KeyValueDown, "model.layers.{}.self_attn.kv_a_proj_with_mqa"},
                                        {Role::KeyValueDownNorm, "model.layers.{}.self_attn.kv_a_layernorm"},
                                        {Role::KeyValueUp, "model.layers.{}.self_attn.kv_b_proj"}};
  const auto output =
      std::find_if(names.begin(), names.end(), [](const RoleName& n) { return n.role == Role::Output; });
  names.insert(output, latent.begin(), latent.end());
  return names;
}

}  // namespace foretell
