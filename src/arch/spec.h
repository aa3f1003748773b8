// What a model is, in numbers: everything that the forward pass needs to know, and no family's name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace foretell {

enum class Activation : uint8_t { Silu, Gelu, GeluTanh, QuickGelu, Relu, ReluSquared, Tanh, Sigmoid, Identity };

struct NormSpec {
  enum class Kind : uint8_t { Rms, Layer };
  Kind kind = Kind::Rms;
  float epsilon = 1e-5f;
  bool bias = false;
  bool weight_plus_one = false;  // Gemma stores w - 1
};

// Rotary scalings, by the names of config.json's rope_type.
struct LinearScaling {
  double factor = 1;
};
struct DynamicScaling {
  double factor = 1;
  int64_t original_context = 0;
};
struct Llama3Scaling {
  double factor = 8, low_freq_factor = 1, high_freq_factor = 4;
  int64_t original_context = 8192;
};
struct YarnScaling {
  double factor = 1, beta_fast = 32, beta_slow = 1, attention_factor = 1;
  int64_t original_context = 0;
  bool truncate = true;  // whole dimensions at the ends of the ramp
};
using RotaryScaling = std::variant<std::monostate, LinearScaling, DynamicScaling, Llama3Scaling, YarnScaling>;

// Rotary position embedding (Su et al., arXiv:2104.09864).
struct Rotary {
  enum class Pairing : uint8_t { Half, Interleaved };  // dimension i turns with i + dims/2, or 2i with 2i + 1
  Pairing pairing = Pairing::Half;
  int64_t dims = 0;  // the first `dims` of each head turn, even
  double theta = 10000;
  RotaryScaling scaling = {};
};

struct Attention {
  int64_t heads = 0, kv_heads = 0;
  int64_t head_dim = 0;  // of queries and keys
  int64_t value_head_dim = 0;
  float scale = 0;      // of the scores, 1/sqrt(head_dim) in most families
  int64_t window = 0;   // a token sees itself and the window - 1 tokens before it; 0: all
  float logit_cap = 0;  // scores go through cap * tanh(score / cap); 0: none
  std::optional<Rotary> rotary;
  enum class QkNorm : uint8_t { None, PerHead };
  QkNorm qk_norm = QkNorm::None;
  NormSpec qk_norm_spec;
  bool query_bias = false, key_bias = false, value_bias = false, output_bias = false;
};

struct Dense {
  int64_t intermediate = 0;
  Activation activation = Activation::Silu;
  bool gated = true;     // activation(gate) * up; else activation(up)
  bool up_bias = false;  // of gate and up
  bool down_bias = false;
};

struct LayerSpec {
  std::optional<NormSpec> attn_in = {}, mlp_in = {};  // before attention and before the MLP
  std::variant<Attention> mixer;
  std::variant<Dense> mlp;
};

struct LearnedPositions {
  int64_t count = 0;   // the most tokens
  int64_t offset = 0;  // rows before the first position (OPT: 2)
};

struct ModelSpec {
  std::string architecture;  // config.json's model_type
  int64_t vocabulary = 0;
  int64_t hidden = 0;
  int64_t context = 0;  // the most tokens that the model was made for
  float embedding_scale = 1;
  std::optional<LearnedPositions> positions;
  std::vector<LayerSpec> layers;
  std::optional<NormSpec> final_norm;
  bool tied_embeddings = false;
  bool unembedding_bias = false;
};

}  // namespace foretell
