// Hunyuan (Tencent, 2025), the dense models: Llama's shape with norms of queries and keys after they turned, and a
// rotary base that may be stretched once for all lengths. Defaults: transformers' HunYuanDenseV1Config.
#include <cmath>

#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {
namespace {

// What the folders call "dynamic" with an `alpha` does not depend on the length: the base is alpha^(d / (d - 2)) times
// as large.
void stretch_base(const ConfigReader& config, Rotary& rotary) {
  auto rope = config.object("rope_scaling");
  if (!rope) rope = config.object("rope_parameters");
  const double alpha = rope ? rope->number_or("alpha", 0) : 0;
  if (alpha == 0 || !std::holds_alternative<DynamicScaling>(rotary.scaling)) return;
  if (alpha < 0 || rotary.dims <= 2)
    throw rope->error("alpha", "a value is out of range", "a number above 0, and heads of more than 2 dimensions",
                      std::to_string(alpha));
  const auto dims = static_cast<double>(rotary.dims);
  rotary.theta *= std::pow(alpha, dims / (dims - 2));
  rotary.scaling = {};
}

ModelSpec describe(const ConfigReader& config) {
  config.only("use_qk_norm", true);
  config.only("use_cla", false);
  ModelSpec spec = llama_spec(config, {.vocabulary = 290943, .epsilon = 1e-5, .mlp_bias = false});
  norm_queries_and_keys(spec);
  for_each_attention(spec, [&](Attention& attention, int64_t) {
    stretch_base(config, *attention.rotary);
    attention.qk_norm_after_rotary = true;
  });
  return spec;
}

std::vector<RoleName> names() {
  std::vector<RoleName> names = llama_names();
  for (RoleName& n : names) {
    if (n.role == Role::QueryNorm) n.name = "model.layers.{}.self_attn.query_layernorm";
    if (n.role == Role::KeyNorm) n.name = "model.layers.{}.self_attn.key_layernorm";
  }
  return names;
}

}  // namespace

const Family hunyuan_v1_dense_family{.model_types = {"hunyuan_v1_dense"},
                                     .gguf_architecture = "hunyuan-dense",
                                     .base_prefix = "model.",
                                     .names = names(),
                                     .describe = describe};

}  // namespace foretell
