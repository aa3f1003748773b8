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
}
