// GGUF's metadata as the config.json that was published.
#pragma once

#include <span>

#include "arch/family.h"
#include "arch/gguf_keys.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_tokenizer.h"

namespace foretell {

// Where an architecture calls a role by another name than the others.
struct GgufName {
  Role role;
  std::string_view name;  // "blk.{}.ffn_norm"
  bool optional = false;  // where the file has no such tensor, the name of the others holds
};

// What llama.cpp's converter does to a family (facts of its convert_hf_to_gguf.py and of ggml-org's gguf package).
struct GgufConventions {
  std::string_view architecture;              // general.architecture
  std::string_view model_type;                // config.json's
  std::string_view published_class;           // config.json's "architectures"
  std::string_view activation;                // which GGUF does not say
  std::string_view epsilon = "rms_norm_eps";  // config.json's key; others than this are of LayerNorms
  std::string_view rotary_part = {};          // config.json's key, where a part of each head turns
  // What else the metadata say, put into config.json's object, in which the keys of Llama are.
  void (*settings)(const ModelKeys& keys, Json& config) = nullptr;
  bool interleaves_rotary = false;  // rows of query and key are put into the order of interleaved rotary pairs
  float norm_offset = 0;            // added to the weights of norms
  bool ungroups_qkv = false;        // fused rows of each key-value head become all queries, all keys, all values
  bool tiles_values = false;        // the delta rule's value heads: the first of each key head, the second of each...
  bool layers_differ = false;       // layers have sizes of their own, which `settings` reads
  std::span<const GgufName> names = {};
};

// Throws Error, naming those that are known, for another architecture.
const GgufConventions& gguf_conventions(const GgufFile& file);
// All that are known (gguf_families.cpp).
std::span<const GgufConventions> gguf_architectures();

// config.json's object, with what the tensors say beside the metadata: vocabulary, biases, tied embeddings and Llama
// 3's rotary scaling. Throws Error for a setting that the family does not have.
Json translate_config(const GgufFile& file, const GgufConventions& conventions, const GgufTokenizer& tokenizer);

// generation_config.json's object.
Json translate_generation_config(const GgufFile& file, const GgufTokenizer& tokenizer);

}  // namespace foretell
