// MiniCPM3 (Hu et al., arXiv:2404.06395): DeepSeek's latent attention in Llama's shape, with factors that keep numbers
// alike whatever the width and the depth. Defaults: transformers' MiniCPM3Config.
#include <cmath>

#include "arch/families.h"
#include "arch/latent.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  constexpr LatentDefaults latent{.query_rank = 768, .kv_rank = 256, .plain = 64, .turning = 32};
  ModelSpec spec = latent_spec(config,
                               {.vocabulary = 73448,
                                .hidden = 2560,
                                .intermediate = 6400,
                                .layers = 62,
                                .heads = 40,
                                .context = 32768,
                                .tied = true,
                                .epsilon = 1e-5},
                               latent, Rotary::Pairing::Half);
  spec.embedding_scale = static_cast<float>(config.number_or("scale_emb", 12));
  // Nulls mean no factor.
  const auto hidden = static_cast<double>(spec.hidden), depth = std::sqrt(static_cast<double>(spec.layers.size()));
  spec.logit_scale =
      static_cast<float>(config.number_or("dim_model_base", config.mentions("dim_model_base") ? hidden : 256) / hidden);
  const double scale = config.number_or("scale_depth", config.mentions("scale_depth") ? depth : 1.4) / depth;
  for (LayerSpec& layer : spec.layers) layer.residual_scale = static_cast<float>(scale);
  return spec;
}

const Family minicpm3_family{.model_types = {"minicpm3"},
                             .gguf_architecture = "minicpm3",
                             .base_prefix = "model.",
                             .names = with_latent_names(llama_names()),
                             .describe = describe};

}  // namespace foretell
