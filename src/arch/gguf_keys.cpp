#include "arch/gguf_keys.h"

#include <algorithm>

namespace foretell {

ModelKeys::ModelKeys(const GgufFile& file, std::string_view architecture)
    : file_(file), reader_(file.metadata, file.path), prefix_(std::string(architecture) + ".") {}

std::string ModelKeys::asked(std::string_view key) const {
  asked_.emplace(key);
  return name(key);
}

int64_t ModelKeys::uniform(std::string_view key) const {
  const auto it = file_.metadata.find(asked(key));
  if (it == file_.metadata.end() || !it->is_array()) return integer(key);
  int64_t common = 0;
  for (const int64_t n : reader_.integers(name(key))) {
    if (n < 0 || (n != 0 && common != 0 && n != common))
      throw error(key, "layers that differ are not supported", "one number for all layers", "a list of several");
    if (n != 0) common = n;
  }
  if (common == 0) throw error(key, "a number is missing", "one for all layers", "none above 0");
  return common;
}

std::vector<int64_t> ModelKeys::each_layer(std::string_view key, int64_t layers) const {
  const auto it = file_.metadata.find(asked(key));
  if (it == file_.metadata.end() || !it->is_array())
    return std::vector<int64_t>(static_cast<size_t>(layers), integer(key));
  const auto list = reader_.integers(name(key));
  if (static_cast<int64_t>(list.size()) != layers)
    throw error(key, "a list has another length", std::to_string(layers), std::to_string(list.size()));
  return list;
}

std::vector<bool> ModelKeys::layer_flags(std::string_view key, int64_t layers) const {
  const auto it = file_.metadata.find(asked(key));
  if (it == file_.metadata.end() || !it->is_array()) return {};
  if (static_cast<int64_t>(it->size()) != layers)
    throw error(key, "a list has another length", std::to_string(layers), std::to_string(it->size()));
  std::vector<bool> flags;
  for (const Json& flag : *it) {
    if (!flag.is_boolean() && !flag.is_number_integer())
      throw error(key, "a value is no list of flags", "true or false for each layer", flag.dump());
    flags.push_back(flag.is_boolean() ? flag.get<bool>() : flag != 0);
  }
  return flags;
}

void ModelKeys::refuse_unasked() const {
  const auto refuse = [&](const char* key, const Json& neutral) {
    if (!asked_.contains(key)) reader_.only(name(key), neutral);
  };
  for (const char* key :
       {"expert_count", "attn_logit_softcapping", "final_logit_softcapping", "router_logit_softcapping",
        "attention.clamp_kqv", "attention.max_alibi_bias", "attention.scale", "attention.sliding_window",
        "attention.shared_kv_layers", "attention.temperature_scale", "attention.q_lora_rank", "attention.kv_lora_rank",
        "rope.scaling.yarn_log_multiplier", "nextn_predict_layers", "expert_shared_count", "embedding_length_out",
        "embedding_length_per_layer_input"})
    refuse(key, 0);
  for (const char* key : {"logit_scale", "residual_scale", "embedding_scale", "expert_group_count"}) refuse(key, 1);
  for (const char* key : {"use_parallel_residual", "swin_norm"}) refuse(key, false);
  refuse("attention.causal", true);
}

const TensorView* ModelKeys::find_tensor(std::string_view name) const {
  const auto it = file_.tensors.find(name);
  return it == file_.tensors.end() ? nullptr : &it->second;
}

}  // namespace foretell
