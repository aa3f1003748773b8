// GGUF's metadata as the config.json that was published.
#pragma once

#include "arch/family.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_tokenizer.h"

namespace foretell {

// What llama.cpp's converter does to a family (facts of its convert_hf_to_gguf.py and of ggml-org's gguf package).
struct GgufConventions {
  std::string_view architecture;     // general.architecture
  std::string_view published_class;  // config.json's "architectures"
  std::string_view activation;       // which GGUF does not say
  bool interleaves_rotary = false;   // rows of query and key are put into the order of interleaved rotary pairs
  float norm_offset = 0;             // added to the weights of norms
};

// Throws Error, naming those that are known, for another architecture.
const GgufConventions& gguf_conventions(const GgufFile& file);

// config.json's object, with what the tensors say beside the metadata: vocabulary, biases, tied embeddings and Llama
// 3's rotary scaling. Throws Error for a setting that the family does not have.
Json translate_config(const GgufFile& file, const GgufConventions& conventions, const GgufTokenizer& tokenizer);

// generation_config.json's object.
Json translate_generation_config(const GgufFile& file, const GgufTokenizer& tokenizer);

}  // namespace foretell
