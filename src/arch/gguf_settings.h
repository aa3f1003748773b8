// What an architecture's metadata say beyond the keys that all have, put into config.json's object, in which the keys
// of Llama are. One function for each architecture, for GgufConventions::settings; they throw Error.
#pragma once

#include "arch/gguf_keys.h"
#include "base/json.h"

namespace foretell::gguf_settings {

void bloom(const ModelKeys& keys, Json& config);
void cohere(const ModelKeys& keys, Json& config);
void cohere2(const ModelKeys& keys, Json& config);
void ernie4_5(const ModelKeys& keys, Json& config);
void falcon(const ModelKeys& keys, Json& config);
void gemma2(const ModelKeys& keys, Json& config);
void gemma3(const ModelKeys& keys, Json& config);
void gpt2(const ModelKeys& keys, Json& config);
void gptneox(const ModelKeys& keys, Json& config);
void llama(const ModelKeys& keys, Json& config);
void mpt(const ModelKeys& keys, Json& config);
void olmo(const ModelKeys& keys, Json& config);
void olmo2(const ModelKeys& keys, Json& config);
void olmoe(const ModelKeys& keys, Json& config);
void phi2(const ModelKeys& keys, Json& config);
void phi3(const ModelKeys& keys, Json& config);
void qwen2(const ModelKeys& keys, Json& config);
void qwen2moe(const ModelKeys& keys, Json& config);
void qwen3moe(const ModelKeys& keys, Json& config);
void seed_oss(const ModelKeys& keys, Json& config);
void stablelm(const ModelKeys& keys, Json& config);
void starcoder(const ModelKeys& keys, Json& config);
void starcoder2(const ModelKeys& keys, Json& config);
void windows_of_four(const ModelKeys& keys, Json& config);
void gpt_oss(const ModelKeys& keys, Json& config);
void granite(const ModelKeys& keys, Json& config);
void granitemoe(const ModelKeys& keys, Json& config);
void lfm2(const ModelKeys& keys, Json& config);
void deepseek2(const ModelKeys& keys, Json& config);
void llama4(const ModelKeys& keys, Json& config);
void minicpm3(const ModelKeys& keys, Json& config);
void mistral3(const ModelKeys& keys, Json& config);
void gemma4(const ModelKeys& keys, Json& config);
void qwen2vl(const ModelKeys& keys, Json& config);
void qwen3vlmoe(const ModelKeys& keys, Json& config);
void qwen3next(const ModelKeys& keys, Json& config);
void qwen35(const ModelKeys& keys, Json& config);
void qwen35moe(const ModelKeys& keys, Json& config);

// What several of them do: another model_type and published class; experts in the keys that most families have.
// `normalize`: what the loader takes for granted where the file is silent.
void call(Json& config, const char* model_type, const char* published_class);
void add_experts(const ModelKeys& keys, Json& config, bool normalize);

}  // namespace foretell::gguf_settings
