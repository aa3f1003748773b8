// A llama of 336 numbers as a published folder has it, to be broken by tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/run.h"

namespace foretell::test {

using Shape = std::vector<int64_t>;

inline nlohmann::ordered_json tiny_config() {
  return {{"model_type", "llama"},
          {"vocab_size", 8},
          {"hidden_size", 8},
          {"intermediate_size", 4},
          {"num_hidden_layers", 1},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 1},
          {"tie_word_embeddings", true},
          {"max_position_embeddings", 16}};
}

inline std::map<std::string, Shape> tiny_tensors() {
  const std::string layer = "model.layers.0.";
  return {{"model.embed_tokens.weight", {8, 8}},
          {layer + "input_layernorm.weight", {8}},
          {layer + "self_attn.q_proj.weight", {8, 8}},
          {layer + "self_attn.k_proj.weight", {4, 8}},
          {layer + "self_attn.v_proj.weight", {4, 8}},
          {layer + "self_attn.o_proj.weight", {8, 8}},
          {layer + "post_attention_layernorm.weight", {8}},
          {layer + "mlp.gate_proj.weight", {4, 8}},
          {layer + "mlp.up_proj.weight", {4, 8}},
          {layer + "mlp.down_proj.weight", {8, 4}},
          {"model.norm.weight", {8}}};
}

// The bytes of a safetensors file of float32 tensors, all `value` (https://github.com/huggingface/safetensors).
inline std::string safetensors(const std::map<std::string, Shape>& tensors, float value = 0.125f) {
  nlohmann::ordered_json header;
  std::string data;
  for (const auto& [name, shape] : tensors) {
    int64_t elements = 1;
    for (const int64_t size : shape) elements *= size;
    const size_t begin = data.size();
    for (int64_t i = 0; i < elements; i++) data.append(reinterpret_cast<const char*>(&value), sizeof value);
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  }
  const std::string text = header.dump();
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text + data;
}

inline void write_tiny_model(const TempFolder& folder) {
  folder.write("config.json", tiny_config().dump());
  folder.write("model.safetensors", safetensors(tiny_tensors()));
}

}  // namespace foretell::test
