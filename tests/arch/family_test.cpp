#include "arch/family.h"

#include <catch2/catch.hpp>
#include <numeric>

using namespace foretell;

namespace {

int64_t parameters(const Json& config) {
  const ConfigReader reader(config, "config.json");
  const Family& family = find_family(reader);
  int64_t sum = 0;
  for (const TensorSpec& tensor : tensor_table(family, family.describe(reader)))
    sum += std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t{1}, std::multiplies<>());
  return sum;
}

std::string failure(const Json& config) {
  try {
    parameters(config);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the tensor table counts what the published models have") {
  // The models' cards: GPT-2 124M, Llama 2 7B, Qwen2 0.5B; exact numbers as their files sum up.
  CHECK(parameters({{"model_type", "gpt2"}}) == 124'439'808);
  CHECK(parameters({{"model_type", "llama"}}) == 6'738'415'616);
  CHECK(parameters({{"model_type", "qwen2"},
                    {"hidden_size", 896},
                    {"intermediate_size", 4864},
                    {"num_hidden_layers", 24},
                    {"num_attention_heads", 14},
                    {"num_key_value_heads", 2},
                    {"tie_word_embeddings", true}}) == 494'032'768);
}

TEST_CASE("without any keys a family has the parameters of the reference's configuration class") {
  // Counted with transformers 5.23: AutoModelForCausalLM.from_config(AutoConfig.for_model(name)).
  const std::pair<const char*, int64_t> counts[] = {
      {"arcee", 4'022'766'080},     {"bloom", 16'156'544},      {"cohere", 34'980'831'232},
      {"cohere2", 34'980'831'232},  {"ernie4_5", 360'748'032},  {"exaone4", 9'429'069'824},
      {"falcon", 6'921'720'704},    {"glm", 9'399'951'360},     {"glm4", 9'400'279'040},
      {"gpt_bigcode", 111'446'784}, {"gpt_neo", 1'315'575'808}, {"gpt_neox", 20'554'567'680},
      {"gptj", 6'050'882'784},      {"mpt", 1'311'213'568},     {"nemotron", 17'642'041'344},
      {"olmo", 6'888'095'744},      {"olmo2", 6'888'624'128},   {"olmo3", 6'888'624'128},
      {"opt", 125'239'296},         {"phi", 1'418'270'720},     {"phi3", 3'821'079'552},
      {"seed_oss", 28'921'040'896}, {"smollm3", 3'075'098'624}, {"stablelm", 2'795'443'200},
      {"starcoder2", 3'030'371'328}};
  for (const auto& [name, count] : counts) {
    CAPTURE(name);
    CHECK(parameters({{"model_type", name}}) == count);
  }
}

TEST_CASE("an unknown value of a known key is an error that names it") {
  CHECK(contains(failure({{"model_type", "lama"}}), "where: model_type; expected one of llama"));
  CHECK(contains(failure({{"model_type", "llama"}, {"hidden_act", "gelo"}}), "where: hidden_act"));
  CHECK(
      contains(failure({{"model_type", "llama"}, {"rope_scaling", {{"type", "spiral"}}}}), "where: rope_scaling.type"));
  CHECK(contains(failure({{"model_type", "llama"}, {"hidden_size", -4}}),
                 "where: hidden_size; expected a whole number from 1, found -4"));
  CHECK(contains(failure({{"model_type", "llama"}, {"num_key_value_heads", 5}}), "where: num_key_value_heads"));
  CHECK(contains(failure({{"model_type", "qwen2"}, {"layer_types", {"full_attention"}}}),
                 "where: layer_types; expected 32, found 1"));
  CHECK(contains(failure({{"model_type", "gpt_neo"}, {"attention_types", {{{"global", "near"}, 12}}}}),
                 "where: attention_types"));
  CHECK(contains(failure({{"model_type", "gpt_neo"}, {"num_layers", 3}}), "expected 3 layers, found 24"));
  CHECK(contains(failure({{"model_type", "gptj"}, {"rotary_dim", 7}}), "where: rotary_dim"));
  CHECK(contains(failure({{"model_type", "falcon"}, {"num_ln_in_parallel_attn", 2}}),
                 "where: num_ln_in_parallel_attn; expected 1, without new_decoder_architecture"));
  CHECK(contains(failure({{"model_type", "mpt"}, {"attn_config", {{"qk_ln", true}}}}), "where: attn_config.qk_ln"));
  CHECK(contains(failure({{"model_type", "smollm3"}, {"no_rope_layers", {1, 0}}}), "where: no_rope_layers"));
  CHECK(contains(failure({{"model_type", "opt"}, {"num_attention_heads", 5}}), "where: num_attention_heads"));
}
