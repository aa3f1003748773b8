// AFM (Arcee, 2025): Llama's shape with one matrix into the MLP, and squared ReLU. Defaults: transformers' ArceeConfig.
#include "arch/families.h"
#include "arch/llama.h"

namespace foretell {

static ModelSpec describe(const ConfigReader& config) {
  return llama_spec(
      config,
      {.hidden = 2560, .intermediate = 18432, .context = 4096, .epsilon = 1e-5, .activation = "relu2", .gated = false});
}

const Family arcee_family{.model_types = {"arcee"},
                          .gguf_architecture = "arcee",
                          .base_prefix = "model.",
                          .names = llama_names(),
                          .describe = describe};

}  // namespace foretell
