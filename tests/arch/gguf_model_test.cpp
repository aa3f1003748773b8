#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <string>

#include "arch/gguf_rope.h"
#include "arch/open_model.h"
#include "base/mapped_file.h"
#include "checkpoint/stored_matrix.h"
#include "foretell/error.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/gguf";

// A golden file with each `from` replaced by a `to` of the same length, under a name of its own.
class EditedFile {
 public:
  EditedFile(const std::string& name, const std::string& from, const std::string& to)
      : path_(std::filesystem::temp_directory_path() / ("foretell-" + std::to_string(getpid()) + "-" + name)) {
    std::string bytes = read_text_file(golden / name);
    REQUIRE(from.size() == to.size());
    size_t at = bytes.find(from);
    REQUIRE(at != std::string::npos);
    for (; at != std::string::npos; at = bytes.find(from, at + to.size())) bytes.replace(at, to.size(), to);
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~EditedFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string error_of_edited(const std::string& name, const std::string& from, const std::string& to) {
  const EditedFile file(name, from, to);
  try {
    open_model(file.path());
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// A length and a text, as GGUF has them.
std::string text(const std::string& value) {
  const uint64_t length = value.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + value;
}

}  // namespace

TEST_CASE("GGUF models have the config.json, the tensors and the parameters of the published ones") {
  for (const std::string family : {"llama", "gpt2", "gemma", "qwen2", "qwen3"}) {
    INFO(family);
    const Checkpoint checkpoint = open_model(golden / (family + ".gguf"));
    const Json expected = read_json_file(golden / (family + ".json"));
    CHECK(checkpoint.format == "gguf");
    CHECK(checkpoint.config.at("model_type") == family);
    CHECK(checkpoint.config.at("vocab_size") == 320);
    CHECK(checkpoint.config.at("bos_token_id") == 0);
    CHECK(checkpoint.config.at("eos_token_id") == 1);
    CHECK(checkpoint.config.at("pad_token_id") == 2);
    CHECK(checkpoint.generation_config.at("eos_token_id") == 1);
    CHECK(checkpoint.chat_template == "{{ bos_token }}{{ messages[0]['content'] }}");
    const ConfigReader config(checkpoint.config, checkpoint.config_file());
    const Family& found = find_family(config);
    int64_t parameters = 0;
    for (const TensorSpec& tensor : tensor_table(found, found.describe(config))) {
      int64_t elements = 1;
      for (const int64_t n : checkpoint.at(tensor.name).shape) elements *= n;
      parameters += elements;
    }
    CHECK(parameters == expected.at("parameters"));
  }
}

TEST_CASE("GGUF: settings in the words of config.json") {
  const Json llama = open_model(golden / "llama.gguf", {.tensors = false}).config;
  CHECK(llama.at("rms_norm_eps") == 1e-6);
  CHECK(llama.at("rope_theta") == 500000.0);
  CHECK(llama.at("attention_bias") == true);
  CHECK(llama.at("tie_word_embeddings") == false);
  CHECK(llama.at("rope_scaling") == Json{{"rope_type", "llama3"},
                                         {"factor", 8.0},
                                         {"low_freq_factor", 1.0},
                                         {"high_freq_factor", 4.0},
                                         {"original_max_position_embeddings", 64}});
  const Json gemma = open_model(golden / "gemma.gguf").config;
  CHECK(gemma.at("head_dim") == 16);
  CHECK(gemma.at("num_key_value_heads") == 1);
  CHECK(gemma.at("hidden_act") == "gelu_pytorch_tanh");
  CHECK(gemma.at("rope_scaling").is_null());
  const Json qwen2 = open_model(golden / "qwen2.gguf").config;
  CHECK(qwen2.at("tie_word_embeddings") == true);
  CHECK(qwen2.at("rope_scaling") == Json{{"rope_type", "linear"}, {"factor", 4.0}});
  const Json qwen3 = open_model(golden / "qwen3.gguf").config;
  CHECK(qwen3.at("rope_scaling") ==
        Json{{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 64}});
}

TEST_CASE("GGUF: what a model cannot be is named") {
  using Catch::Contains;
  CHECK_THAT(error_of_edited("llama.gguf", text("llama"), text("llamb")),
             Contains("architecture that is not known") && Contains("general.architecture") && Contains("\"llamb\""));
  CHECK_THAT(error_of_edited("llama.gguf", text("blk.1.attn_q.weight"), text("blk.1.attn_x.weight")),
             Contains("a tensor is missing") && Contains("blk.1.attn_q.weight") && Contains("[32, 32]"));
  CHECK_THAT(error_of_edited("gpt2.gguf", text("blk.1.attn_qkv.weight"), text("blk.1.attn_qkx.weight")),
             Contains("blk.1.attn_qkv.weight") && Contains("[96, 32]"));
  CHECK_THAT(error_of_edited("llama.gguf", text("token_embd.weight"), text("token_embx.weight")),
             Contains("token_embd.weight"));
  CHECK_THAT(
      error_of_edited("llama.gguf", text("llama.attention.head_count_kv"), text("llama.attention.head_count_kx")),
      Contains("another shape") && Contains("blk.0.attn_k.weight") && Contains("expected [32, 32], found [16, 32]"));
  CHECK_THAT(error_of_edited("llama.gguf", text("llama.block_count"), text("llama.block_xount")),
             Contains("llama.block_count"));
  CHECK_THAT(error_of_edited("llama.gguf", text("llama.rope.dimension_count"), text("llama.nextn_predict_layers")),
             Contains("llama.nextn_predict_layers; expected fewer than block_count = 2, found 8"));
  CHECK_THAT(error_of_edited("qwen3.gguf", text("yarn"), text("yorn")), Contains("qwen3.rope.scaling.type"));
  CHECK_THAT(error_of_edited("llama.gguf", text("llama-bpe"), text("llama-xyz")),
             Contains("pre-tokenizer that is not known") && Contains("\"llama-xyz\""));
  CHECK_THAT(error_of_edited("qwen3.gguf", text("qwen3.attention.key_length"), text("qwen3.attention.kex_length")),
             Contains("qwen3.attention.value_length; expected 8, found 16"));
}

TEST_CASE("Llama 3's rotary scaling is found again in its factors") {
  // transformers' _compute_llama3_parameters, for settings of published models and others.
  struct Setting {
    double factor, low, high;
    int64_t context;
    double theta;
    size_t pairs;
  };
  for (const Setting& s :
       {Setting{8, 1, 4, 8192, 500000, 64}, Setting{32, 1, 4, 8192, 500000, 32}, Setting{8, 1, 4, 64, 10000, 8},
        Setting{4, 1, 8, 2048, 10000, 64}, Setting{16, 2, 6, 4096, 500000, 64}}) {
    INFO(s.factor << " " << s.low << " " << s.high << " " << s.context);
    std::vector<float> factors;
    for (size_t i = 0; i < s.pairs; i++) {
      const double wave = 2 * M_PI * std::pow(s.theta, static_cast<double>(i) / static_cast<double>(s.pairs));
      const double part = (static_cast<double>(s.context) / wave - s.low) / (s.high - s.low);
      const double smooth = std::min(1.0, std::max(0.0, part));
      factors.push_back(static_cast<float>(1 / ((1 - smooth) / s.factor + smooth)));
    }
    const auto found = llama3_scaling(factors, s.theta);
    REQUIRE(found);
    CHECK(found->factor == s.factor);
    // Proportional settings are the same.
    const double ratio = static_cast<double>(s.context) / static_cast<double>(found->original_context);
    CHECK(found->low_freq_factor * ratio == Approx(s.low).epsilon(1e-4));
    CHECK(found->high_freq_factor * ratio == Approx(s.high).epsilon(1e-4));
    factors[s.pairs / 2] *= 1.5f;
    CHECK_FALSE(llama3_scaling(factors, s.theta));
  }
}
