#include "arch/gguf_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "arch/gguf_rope.h"
#include "checkpoint/stored_matrix.h"

namespace foretell {
namespace {

constexpr std::array<GgufConventions, 5> known = {{
    {"llama", "LlamaForCausalLM", "silu", true, 0},
    {"qwen2", "Qwen2ForCausalLM", "silu", false, 0},
    {"qwen3", "Qwen3ForCausalLM", "silu", false, 0},
    {"gemma", "GemmaForCausalLM", "gelu_pytorch_tanh", false, 1},
    {"gpt2", "GPT2LMHeadModel", "gelu_new", false, 0},
}};

// The metadata of one architecture, "llama.block_count" by the name "block_count".
class ModelKeys {
 public:
  ModelKeys(const GgufFile& file, std::string_view architecture)
      : file_(file), reader_(file.metadata, file.path), prefix_(std::string(architecture) + ".") {}

  std::string name(std::string_view key) const { return prefix_ + std::string(key); }
  bool has(std::string_view key) const { return reader_.has(name(key)); }
  int64_t integer(std::string_view key) const { return reader_.integer(name(key)); }
  int64_t integer_or(std::string_view key, int64_t fallback) const { return reader_.integer_or(name(key), fallback); }
  double number_or(std::string_view key, double fallback) const { return reader_.number_or(name(key), fallback); }
  std::string text_or(std::string_view key, std::string_view fallback) const {
    return reader_.text_or(name(key), fallback);
  }
  // A number, or a list of one for each layer, which have to be equal.
  int64_t uniform(std::string_view key) const {
    const auto it = file_.metadata.find(name(key));
    if (it == file_.metadata.end() || !it->is_array()) return integer(key);
    const bool equal =
        !it->empty() && std::all_of(it->begin(), it->end(), [&](const Json& n) { return n == it->front(); });
    if (!equal || !it->front().is_number_integer() || it->front() < 1)
      throw error(key, "layers that differ are not supported", "one number for all layers", "a list of several");
    return it->front().get<int64_t>();
  }
  Error error(std::string_view key, std::string what, std::string expected, std::string found) const {
    return reader_.error(name(key), std::move(what), std::move(expected), std::move(found));
  }
  // Absent, or a value that changes nothing.
  void only(std::string_view key, const Json& neutral) const { reader_.only(name(key), neutral); }

 private:
  const GgufFile& file_;
  ConfigReader reader_;
  std::string prefix_;
};

const TensorView* find_tensor(const GgufFile& file, std::string_view name) {
  const auto it = file.tensors.find(name);
  return it == file.tensors.end() ? nullptr : &it->second;
}

// What would change the result, and what none of the families here has.
void refuse_unsupported(const ModelKeys& keys) {
  for (const char* key :
       {"expert_count", "attn_logit_softcapping", "final_logit_softcapping", "attention.clamp_kqv",
        "attention.max_alibi_bias", "attention.scale", "rope.scaling.yarn_log_multiplier", "nextn_predict_layers"})
    keys.only(key, 0);
  for (const char* key : {"logit_scale", "residual_scale", "embedding_scale"}) keys.only(key, 1);
  for (const char* key : {"use_parallel_residual", "swin_norm"}) keys.only(key, false);
  keys.only("attention.causal", true);
}

// Older files of tied models hold the embedding twice.
bool is_tied(const GgufFile& file, const TensorView& embedding) {
  const TensorView* output = find_tensor(file, "output.weight");
  if (output == nullptr) return true;
  return output->dtype == embedding.dtype && output->shape == embedding.shape &&
         std::memcmp(output->bytes.data(), embedding.bytes.data(), embedding.bytes.size()) == 0;
}

// YaRN's temperature is part of attention_factor in config.json; GGUF has a factor on top of it.
Json yarn_scaling(const ModelKeys& keys, double factor, int64_t context) {
  keys.only("rope.scaling.yarn_ext_factor", 1);
  Json scaling = {
      {"rope_type", "yarn"},
      {"factor", factor},
      {"original_max_position_embeddings", keys.integer_or("rope.scaling.original_context_length", context)}};
  const double extra =
      keys.number_or("rope.scaling.attn_factor", 1) * keys.number_or("rope.scaling.yarn_attn_factor", 1);
  if (extra != 1) scaling["attention_factor"] = extra * (1 + 0.1 * std::log(factor));
  if (keys.has("rope.scaling.yarn_beta_fast")) scaling["beta_fast"] = keys.number_or("rope.scaling.yarn_beta_fast", 32);
  if (keys.has("rope.scaling.yarn_beta_slow")) scaling["beta_slow"] = keys.number_or("rope.scaling.yarn_beta_slow", 1);
  return scaling;
}

// Null where rotary angles are not scaled.
Json rope_scaling(const GgufFile& file, const ModelKeys& keys, double theta, int64_t context) {
  if (const TensorView* tensor = find_tensor(file, "rope_freqs.weight")) {
    std::vector<float> factors(static_cast<size_t>(tensor->elements()));
    read_floats(*tensor, 0, tensor->elements(), factors.data());
    if (std::all_of(factors.begin(), factors.end(), [](float f) { return f == 1; })) return nullptr;
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
  // llama.cpp reads a factor without a type as linear, from either of two keys.
  const double factor = keys.number_or("rope.scaling.factor", keys.number_or("rope.scale_linear", 0));
  const std::string type = keys.text_or("rope.scaling.type", "linear");
  if (type == "none" || (type == "linear" && (factor == 0 || factor == 1))) return nullptr;
  if (type == "linear") return {{"rope_type", "linear"}, {"factor", factor}};
  if (type == "yarn") return yarn_scaling(keys, factor, context);
  throw keys.error("rope.scaling.type", "unknown value", "none, linear or yarn", "\"" + type + "\"");
}

Json gpt2_config(const ModelKeys& keys, const GgufConventions& conventions) {
  const int64_t hidden = keys.integer("embedding_length");
  return {{"n_embd", hidden},
          {"n_layer", keys.integer("block_count")},
          {"n_head", keys.uniform("attention.head_count")},
          {"n_positions", keys.integer("context_length")},
          {"n_inner", keys.has("feed_forward_length") ? keys.uniform("feed_forward_length") : 4 * hidden},
          {"layer_norm_epsilon", keys.number_or("attention.layer_norm_epsilon", 1e-5)},
          {"activation_function", conventions.activation}};
}

Json llama_config(const GgufFile& file, const ModelKeys& keys, const GgufConventions& conventions) {
  const int64_t hidden = keys.integer("embedding_length"), heads = keys.uniform("attention.head_count");
  const int64_t context = keys.integer("context_length");
  const int64_t head_dim = keys.integer_or("attention.key_length", hidden / heads);
  keys.only("attention.value_length", head_dim);
  keys.only("rope.dimension_count", head_dim);
  const double theta = keys.number_or("rope.freq_base", 10000);
  Json config = {
      {"hidden_size", hidden},
      {"num_hidden_layers", keys.integer("block_count")},
      {"intermediate_size", keys.uniform("feed_forward_length")},
      {"num_attention_heads", heads},
      {"num_key_value_heads", keys.has("attention.head_count_kv") ? keys.uniform("attention.head_count_kv") : heads},
      {"head_dim", head_dim},
      {"max_position_embeddings", context},
      {"rms_norm_eps", keys.number_or("attention.layer_norm_rms_epsilon", 1e-5)},
      {"rope_theta", theta},
      {"rope_scaling", rope_scaling(file, keys, theta, context)},
      {"hidden_act", conventions.activation}};
  config["attention_bias"] = conventions.architecture != "qwen2" && find_tensor(file, "blk.0.attn_q.bias") != nullptr;
  config["mlp_bias"] = find_tensor(file, "blk.0.ffn_up.bias") != nullptr;
  if (keys.has("attention.sliding_window")) {  // Mistral goes by the name of Llama
    if (conventions.architecture != "llama") keys.only("attention.sliding_window", 0);
    config["sliding_window"] = keys.integer("attention.sliding_window");
  }
  return config;
}

}  // namespace

const GgufConventions& gguf_conventions(const GgufFile& file) {
  const ConfigReader reader(file.metadata, file.path);
  const std::string architecture = reader.text("general.architecture");
  std::string names;
  for (const GgufConventions& conventions : known) {
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
  refuse_unsupported(keys);
  const TensorView* embedding = find_tensor(file, "token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    throw Error({.what = "a tensor is missing",
                 .file = file.path.string(),
                 .where = "token_embd.weight",
                 .expected = "a matrix",
                 .found = embedding == nullptr ? "nothing" : std::to_string(embedding->shape.size()) + " dimensions"});
  Json config =
      conventions.architecture == "gpt2" ? gpt2_config(keys, conventions) : llama_config(file, keys, conventions);
  const bool mistral = config.contains("sliding_window");
  config["architectures"] = Json::array({mistral ? "MistralForCausalLM" : conventions.published_class});
  config["model_type"] = mistral ? "mistral" : conventions.architecture;
  config["vocab_size"] = embedding->shape.front();
  config["tie_word_embeddings"] = is_tied(file, *embedding);
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
