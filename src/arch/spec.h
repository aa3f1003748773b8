// What a model is, in numbers: everything that the forward pass needs to know, and no family's name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace foretell {

// XIelu has learned numbers of its own in each layer (Huang et al., arXiv:2411.13010).
enum class Activation : uint8_t { Silu, Gelu, GeluTanh, QuickGelu, Relu, ReluSquared, Tanh, Sigmoid, Identity, XIelu };

struct NormSpec {
  enum class Kind : uint8_t { Rms, Layer };
  Kind kind = Kind::Rms;
  float epsilon = 1e-5f;
  bool bias = false;
  bool weight = true;            // false: nothing is stored, and the normed values stay as they are
  bool weight_plus_one = false;  // w - 1 is stored (Gemma)
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
struct LongScaling {  // a divisor for each pair; the long ones where the whole sequence is longer than the original
  std::vector<double> short_factors, long_factors;
  double attention_factor = 1;
  int64_t original_context = 0;
};
struct ProportionalScaling {  // only the first pairs turn, as fast as they would if all did
  double factor = 1;
  int64_t turning_pairs = 0;
};
using RotaryScaling = std::variant<std::monostate, LinearScaling, DynamicScaling, Llama3Scaling, YarnScaling,
                                   LongScaling, ProportionalScaling>;

// Rotary position embedding (Su et al., arXiv:2104.09864).
struct Rotary {
  enum class Pairing : uint8_t { Half, Interleaved };  // dimension i turns with i + dims/2, or 2i with 2i + 1
  Pairing pairing = Pairing::Half;
  int64_t first = 0;  // dimensions [first, first + dims) of each head turn; dims is even
  int64_t dims = 0;
  int64_t odd_dims = 0;  // what config.json asks for, where that is odd: dims is one more, but frequencies go by this
  double theta = 10000;
  RotaryScaling scaling = {};
};

// Queries grow with their position p: by 1 + scale * log(1 + floor((p + shift) / floor_scale)) (Llama 4).
struct QueryGrowth {
  double floor_scale = 8192, scale = 0.1;
  int64_t shift = 1;
};

struct Attention {
  int64_t heads = 0, kv_heads = 0;
  int64_t head_dim = 0;  // of queries and keys
  int64_t value_head_dim = 0;
  float scale = 0;      // of the scores, 1/sqrt(head_dim) in most families
  int64_t window = 0;   // a token sees itself and the window - 1 tokens before it; 0: all
  int64_t chunk = 0;    // a token sees those before it in its own chunk of so many tokens; 0: all
  float logit_cap = 0;  // scores go through cap * tanh(score / cap); 0: none
  float clip = 0;       // queries, keys and values are kept within +-clip; 0: as they are
  bool sinks = false;   // each head has a learned score that takes its part of the softmax and gives nothing
  bool gate = false;    // what a head gathered is multiplied with sigmoid(gate(input))
  std::optional<Rotary> rotary;
  std::vector<float> alibi;  // [heads]: score += slope * (key's position - query's) (Press et al., arXiv:2108.12409)
  // The slopes and the products with the key's own position are rounded to bfloat16 before `scale`, as the family was
  // trained (Falcon).
  bool alibi_rounded = false;
  // The norm of queries and keys: of each head with weights that all share, with weights of its own, or of all heads
  // together.
  enum class QkNorm : uint8_t { None, PerHead, PerHeadOwn, Whole };
  QkNorm qk_norm = QkNorm::None;
  NormSpec qk_norm_spec = {};
  bool qk_norm_after_rotary = false;
  std::optional<NormSpec> value_norm;  // of each head's value; without weights
  std::optional<QueryGrowth> query_growth;
  bool value_is_key = false;  // there is no value projection: the key's is taken, before its norm and turn
  int64_t kv_layer = -1;      // the layer whose keys and values are read; -1: its own
  bool query_bias = false, key_bias = false, value_bias = false, output_bias = false;
};

// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): queries, keys and values are expanded from short
// vectors. In `attention` a head's query and key have `plain_dims` dimensions that do not turn and then the rotary's.
struct LatentAttention {
  Attention attention;
  int64_t query_rank = 0;  // 0: queries come from one matrix
  int64_t kv_rank = 0;
  int64_t plain_dims = 0;
  NormSpec norm = {};      // of the short vectors
  bool down_bias = false;  // of the matrices that make them
};

// Gated delta rule (Yang et al., arXiv:2412.06464), with a short convolution before it.
struct DeltaNet {
  int64_t key_heads = 0, value_heads = 0;
  int64_t key_dim = 0, value_dim = 0;
  int64_t kernel = 4;  // tokens that the convolution sees
  NormSpec norm;       // of each head's output; silu(z) multiplies it afterwards
};

// Gated short convolution (LFM2): out(c * convolution(b * x)) with b, c and x projected from the input.
struct ShortConvolution {
  int64_t kernel = 3;
  bool bias = false;
};

struct Dense {
  int64_t intermediate = 0;
  Activation activation = Activation::Silu;
  bool gated = true;     // activation(gate) * up; else activation(up)
  bool up_bias = false;  // of gate and up
  bool down_bias = false;
  // gpt-oss: gate is kept below `limit`, up within +-limit, silu's argument is multiplied by `alpha`, and 1 is added to
  // up; 0: none of it.
  float limit = 0, alpha = 1;
};

// Mixture of experts (Shazeer et al., arXiv:1701.06538): each token goes through `chosen` of `count` MLPs.
struct Experts {
  int64_t count = 0, chosen = 0;
  Dense expert = {};
  enum class Score : uint8_t { Softmax, SoftmaxOfChosen, Sigmoid };
  Score score = Score::Softmax;
  bool normalize = false;  // the chosen weights are divided by their sum
  float scale = 1;         // and multiplied by this
  // Experts stand in `groups` of equal size, and only those of the best `chosen_groups` may be chosen.
  int64_t groups = 1, chosen_groups = 1;
  bool groups_by_top_two = false;  // a group is as good as the sum of its best two, else as its best one
  bool router_bias = false;
  bool correction = false;           // a learned bias of the scores that counts for choosing only
  bool scales_inputs = false;        // the weights multiply the expert's input, not its output
  bool expert_scales = false;        // a learned factor of each expert's weight
  std::optional<Dense> shared = {};  // an MLP that every token goes through as well
  bool shared_gate = false;          // sigmoid(gate(input)) multiplies its output
  // Gemma 4: router and experts read the residual stream through norms of their own (the shared MLP through mlp_in),
  // and what the shared MLP and the experts give is normed before the two are added.
  struct Branches {
    NormSpec router_in, expert_in, shared_out, expert_out;
    float router_scale = 1;  // of what the router reads
  };
  std::optional<Branches> branches = {};
};

// An embedding of the token for each layer, that is mixed in after the MLP (Gemma 3n, Gemma 4).
struct PerLayerInput {
  int64_t dims = 0;
  // What is mixed in is sum_scale * (embedding_scale * embedding + norm(projection_scale * projection(x))), where x is
  // the token's embedding.
  float embedding_scale = 1, projection_scale = 1, sum_scale = 1;
  Activation activation = Activation::GeluTanh;
  NormSpec norm;
};

struct LayerSpec {
  std::optional<NormSpec> attn_in = {}, mlp_in = {};    // before attention and before the MLP
  std::optional<NormSpec> attn_out = {}, mlp_out = {};  // of what they add
  std::optional<NormSpec> attn_sum = {}, mlp_sum = {};  // of the residual stream after the addition
  // Parallel: attention and MLP both read the stream as the layer found it; without mlp_in they share attn_in's output.
  enum class Residual : uint8_t { Sequential, Parallel };
  Residual residual = Residual::Sequential;
  float residual_scale = 1;         // of what is added
  bool residual_from_norm = false;  // what is added goes to the normed input, not to the input (BLOOM's option)
  std::variant<Attention, LatentAttention, DeltaNet, ShortConvolution> mixer;
  std::variant<Dense, Experts> mlp;
  std::optional<PerLayerInput> per_layer_input = {};
  bool output_scale = false;  // a learned number multiplies the stream at the end
};

// The attention of a layer, latent or not; null where its mixer is another.
inline const Attention* attention_of(const LayerSpec& layer) {
  if (const auto* latent = std::get_if<LatentAttention>(&layer.mixer)) return &latent->attention;
  return std::get_if<Attention>(&layer.mixer);
}
inline Attention* attention_of(LayerSpec& layer) {
  return const_cast<Attention*>(attention_of(static_cast<const LayerSpec&>(layer)));
}
// The MLP that every token goes through: the dense one, or the shared expert; null where there is none.
inline const Dense* dense_of(const LayerSpec& layer) {
  if (const auto* experts = std::get_if<Experts>(&layer.mlp)) return experts->shared ? &*experts->shared : nullptr;
  return std::get_if<Dense>(&layer.mlp);
}

struct LearnedPositions {
  int64_t count = 0;   // the most tokens
  int64_t offset = 0;  // rows before the first position (OPT: 2)
};

// How tensors are stored where that is not one matrix [outputs, inputs] after the other; bind undoes it.
struct Storage {
  bool qkv_by_group = false;  // fused: for each key-value head its queries, its key, its value; else all queries,
                              // all keys, all values
  bool gate_up_interleaved = false;  // fused: gate and up row by row in turn; else all of gate first
  bool experts_transposed = false;   // a stack of experts is [experts, inputs, outputs]
};

struct ModelSpec {
  std::string architecture;  // config.json's model_type
  int64_t vocabulary = 0;
  int64_t hidden = 0;
  int64_t context = 0;  // the most tokens that the model was made for
  int64_t embedding_dim =
      0;  // where it is not `hidden`: matrices lead from it to hidden and back (OPT-350m); 0: hidden
  float embedding_scale = 1;
  std::optional<NormSpec> embedding_norm;
  std::optional<LearnedPositions> positions;
  std::vector<LayerSpec> layers;
  std::optional<NormSpec> final_norm;
  bool tied_embeddings = false;
  bool unembedding_bias = false;
  float logit_scale = 1;             // logits = scale * unembedding(x)
  float logit_cap = 0;               // and then cap * tanh(logit / cap); 0: none
  int64_t per_layer_vocabulary = 0;  // rows of the embedding of layers with a PerLayerInput
  Storage storage;
};

}  // namespace foretell
