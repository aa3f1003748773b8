#include "arch/gguf_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "arch/gguf_rope.h"
#include "checkpoint/stored_matrix.h"

namespace foretell {
namespace {

// Older files of tied models hold the embedding twice.
bool is_tied(const ModelKeys& keys, const TensorView& embedding) {
  const TensorView* output = keys.find_tensor("output.weight");
  if (output == nullptr) return true;
  return output->dtype == embedding.dtype && output->shape == embedding.shape &&
         std::memcmp(output->bytes.data(), embedding.bytes.data(), embedding.bytes.size()) == 0;
}

// YaRN's temperature is part of attention_factor in config.json; GGUF has a factor on top of it.
Json yarn_scaling(const ModelKeys& keys, double factor, int64_t context) {
  keys.only("rope.scaling.yarn_ext_factor", 1);
  // DeepSeek's temperature, 0.1 * mscale_all_dim: mscale is the same in all published folders.
  const double all_dim = 10 * keys.number_or("rope.scaling.yarn_log_multiplier", 0);
  Json scaling = {
      {"rope_type", "yarn"},
      {"factor", factor},
      {"original_max_position_embeddings", keys.integer_or("rope.scaling.original_context_length", context)}};
  const double extra =
      keys.number_or("rope.scaling.attn_factor", 1) * keys.number_or("rope.scaling.yarn_attn_factor", 1);
  if (all_dim != 0) scaling["mscale"] = scaling["mscale_all_dim"] = all_dim;
  if (extra != 1 && all_dim == 0) scaling["attention_factor"] = extra * (1 + 0.1 * std::log(factor));
  if (keys.has("rope.scaling.yarn_beta_fast")) scaling["beta_fast"] = keys.number_or("rope.scaling.yarn_beta_fast", 32);
  if (keys.has("rope.scaling.yarn_beta_slow")) scaling["beta_slow"] = keys.number_or("rope.scaling.yarn_beta_slow", 1);
  return scaling;
}

Json all_floats(const TensorView& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  read_floats(tensor, 0, tensor.elements(), values.data());
  return values;
}

// LongRoPE's factors are tensors. Null where there are none.
Json long_scaling(const ModelKeys& keys, int64_t context) {
  const TensorView* longs = keys.find_tensor("rope_factors_long.weight");
  const TensorView* shorts = keys.find_tensor("rope_factors_short.weight");
  if (longs == nullptr || shorts == nullptr) return nullptr;
  Json scaling = {
      {"rope_type", "longrope"},
      {"short_factor", all_floats(*shorts)},
      {"long_factor", all_floats(*longs)},
      {"original_max_position_embeddings", keys.integer_or("rope.scaling.original_context_length", context)}};
  if (keys.has("rope.scaling.attn_factor")) scaling["attention_factor"] = keys.number_or("rope.scaling.attn_factor", 1);
  return scaling;
}

// Null where rotary angles are not scaled.
Json rope_scaling(const GgufFile& file, const ModelKeys& keys, double theta, int64_t context) {
  if (const TensorView* tensor = keys.find_tensor("rope_freqs.weight")) {
    std::vector<float> factors(static_cast<size_t>(tensor->elements()));
    read_floats(*tensor, 0, tensor->elements(), factors.data());
    if (std::all_of(factors.begin(), factors.end(), [](float f) { return f == 1; })) return nullptr;
    // Pairs that do not turn have a divisor without end (Gemma 4).
    const auto turning = std::count(factors.begin(), factors.end(), 1.0f);
    if (std::all_of(factors.begin() + turning, factors.end(), [](float f) { return f > 1e20f; }))
      return {{"rope_type", "proportional"},
              {"partial_rotary_factor", static_cast<double>(turning) / static_cast<double>(factors.size())}};
    const auto scaling = llama3_scaling(factors, theta);
    if (!scaling)
      throw Error({.what = "rotary factors of a form that is not supported",
                   .file = file.path.string(),
                   .where = "rope_freqs.weight",
                   .expected = "those of Llama 3's scaling",
                   .found = "others"});
    return {{"rope_type", "llama3"},
            {"factor", scaling->factor},
            {"low_freq_factor", scaling->low_freq_factor},
            {"high_freq_factor", scaling->high_freq_factor},
            {"original_max_position_embeddings", scaling->original_context}};
  }
  if (const Json scaling = long_scaling(keys, context); !scaling.is_null()) return scaling;
  // llama.cpp reads a factor without a type as linear, from either of two keys.
  const double factor = keys.number_or("rope.scaling.factor", keys.number_or("rope.scale_linear", 0));
  const std::string type = keys.text_or("rope.scaling.type", "linear");
  if (type == "none" || (type == "linear" && (factor == 0 || factor == 1))) return nullptr;
  if (type == "linear") return {{"rope_type", "linear"}, {"factor", factor}};
  if (type == "yarn") return yarn_scaling(keys, factor, context);
  throw keys.error("rope.scaling.type", "unknown value", "none, linear or yarn", "\"" + type + "\"");
}

// config.json's keys for whole heads and for the part of them that turns.
void add_heads(const ModelKeys& keys, const GgufConventions& conventions, Json& config) {
  const int64_t hidden = config.at("hidden_size"), heads = keys.uniform("attention.head_count");
  config["num_attention_heads"] = heads;
  // Latent attention has sizes of its own.
  if (conventions.architecture == "deepseek2" || conventions.architecture == "minicpm3" || conventions.layers_differ)
    return;
  const int64_t head_dim = keys.integer_or("attention.key_length", hidden / heads);
  if (head_dim < 1)
    throw keys.error("attention.head_count", "more heads than the hidden size can be shared out to",
                     "at most " + std::to_string(hidden), std::to_string(heads));
  keys.only("attention.value_length", head_dim);
  config["num_key_value_heads"] = keys.has("attention.head_count_kv") ? keys.uniform("attention.head_count_kv") : heads;
  config["head_dim"] = head_dim;
  if (conventions.rotary_part.empty()) return keys.only("rope.dimension_count", head_dim);
  const int64_t dims = keys.integer_or("rope.dimension_count", head_dim);
  double part = static_cast<double>(dims) / static_cast<double>(head_dim);
  // The reference multiplies again and cuts off what is behind the point.
  if (static_cast<int64_t>(part * static_cast<double>(head_dim)) < dims) part = std::nextafter(part, 2);
  config[std::string(conventions.rotary_part)] = part;
}

// The keys of Llama, with the names of epsilon and rotary part that the family has for them.
Json llama_config(const GgufFile& file, const ModelKeys& keys, const GgufConventions& conventions) {
  const int64_t context = keys.integer("context_length"), hidden = keys.integer("embedding_length");
  const double theta = keys.number_or("rope.freq_base", 10000);
  // Blocks that predict further tokens stand last, and are not used.
  const int64_t blocks = keys.integer("block_count"), further = keys.integer_or("nextn_predict_layers", 0, 0);
  if (further >= blocks)
    throw keys.error("nextn_predict_layers", "a value is out of range",
                     "fewer than block_count = " + std::to_string(blocks), std::to_string(further));
  const bool rms = conventions.epsilon == "rms_norm_eps";
  Json config = {{"hidden_size", hidden},
                 {"num_hidden_layers", blocks - further},
                 {"intermediate_size", keys.has("feed_forward_length") && !conventions.layers_differ
                                           ? keys.uniform("feed_forward_length")
                                           : 4 * hidden},
                 {"max_position_embeddings", context},
                 {std::string(conventions.epsilon),
                  keys.number_or(rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", 1e-5)},
                 {"rope_theta", theta},
                 {"rope_scaling", rope_scaling(file, keys, theta, context)},
                 {"hidden_act", conventions.activation}};
  add_heads(keys, conventions, config);
  config["attention_bias"] = keys.has_tensor("blk.0.attn_q.bias") || keys.has_tensor("blk.0.attn_qkv.bias");
  config["mlp_bias"] = keys.has_tensor("blk.0.ffn_up.bias");
  config["model_type"] = conventions.model_type;
  config["architectures"] = Json::array({conventions.published_class});
  return config;
}

}  // namespace

const GgufConventions& gguf_conventions(const GgufFile& file) {
  const ConfigReader reader(file.metadata, file.path);
  const std::string architecture = reader.text("general.architecture");
  std::string names;
  for (const GgufConventions& conventions : gguf_architectures()) {
    if (conventions.architecture == architecture) return conventions;
    names += (names.empty() ? "" : ", ") + std::string(conventions.architecture);
  }
  throw reader.error("general.architecture", "an architecture that is not known", "one of " + names,
                     "\"" + architecture + "\"");
}

Json translate_config(const GgufFile& file, const GgufConventions& conventions, const GgufTokenizer& tokenizer) {
  const ConfigReader reader(file.metadata, file.path);
  if (const int64_t parts = reader.integer_or("split.count", 1, 0); parts > 1)  // 0 in files put together again
    throw reader.error("split.count", "a file in several parts is not supported", "one file", std::to_string(parts));
  const ModelKeys keys(file, conventions.architecture);
  const TensorView* embedding = keys.find_tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    throw Error({.what = "a tensor is missing",
                 .file = file.path.string(),
                 .where = "token_embd.weight",
                 .expected = "a matrix",
                 .found = embedding == nullptr ? "nothing" : std::to_string(embedding->shape.size()) + " dimensions"});
  Json config = llama_config(file, keys, conventions);
  if (conventions.settings != nullptr) conventions.settings(keys, config);
  keys.refuse_unasked();
  config["vocab_size"] = embedding->shape.front();
  config["tie_word_embeddings"] = is_tied(keys, *embedding);
  config.update(tokenizer.special_ids);
  return config;
}

Json translate_generation_config(const GgufFile& file, const GgufTokenizer& tokenizer) {
  Json config = tokenizer.special_ids;
  if (tokenizer.end_ids.size() > 1) config["eos_token_id"] = tokenizer.end_ids;
  constexpr std::array<std::pair<const char*, const char*>, 5> samplers = {
      {{"general.sampling.temp", "temperature"},
       {"general.sampling.top_k", "top_k"},
       {"general.sampling.top_p", "top_p"},
       {"general.sampling.min_p", "min_p"},
       {"general.sampling.penalty_repeat", "repetition_penalty"}}};
  for (const auto& [key, published] : samplers) {
    const auto it = file.metadata.find(key);
    if (it == file.metadata.end()) continue;
    config[published] = *it == -1 ? Json(0) : *it;  // a top_k of -1 stands for all tokens
    config["do_sample"] = true;
  }
  return config;
}

}  // namespace foretell
