// LoRA adapters against PEFT (tests/golden/adapters: made with peft 0.21 over the folders of tests/golden/arch).
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "arch/open_model.h"
#include "base/json.h"
#include "foretell/model.h"
#include "model/convert.h"
#include "temp_folder.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden";

std::vector<float> logits_of(const std::filesystem::path& folder, const Json& expected, const LoadOptions& options) {
  Model model = Model::load(folder, options);
  Sequence sequence(model);
  const auto logits = model.next_logits(sequence, expected["ids"].get<std::vector<TokenId>>());
  return {logits.begin(), logits.end()};
}

void check_adapter(const std::string& name) {
  const std::filesystem::path adapter = golden / "adapters" / name;
  const Json expected = read_json_file(adapter / "golden.json");
  const auto base = golden / "arch" / expected["model"].get<std::string>();
  const auto logits = logits_of(base, expected, {.precision = Precision::Exact, .adapters = {{adapter}}});
  const auto reference = expected["logits_last"].get<std::vector<float>>();
  REQUIRE(logits.size() == reference.size());
  double most = 0, without = 0;
  const auto plain = logits_of(base, expected, {.precision = Precision::Exact});
  for (size_t i = 0; i < logits.size(); i++) {
    most = std::max(most, std::abs(static_cast<double>(logits[i]) - reference[i]));
    without = std::max(without, std::abs(static_cast<double>(plain[i]) - reference[i]));
  }
  CHECK(most < 1e-3);
  CHECK(without > 0.05);  // it changes something
}

}  // namespace

TEST_CASE("adapter: LoRA") { check_adapter("lora_llama"); }
TEST_CASE("adapter: LoRA over Conv1D") { check_adapter("lora_gpt2"); }
TEST_CASE("adapter: rank-stabilized, with patterns and a replaced matrix") { check_adapter("rslora_patterns"); }
TEST_CASE("adapter: DoRA") { check_adapter("dora"); }
TEST_CASE("adapter: of the embedding of a model that shares it") { check_adapter("tied_embedding"); }
TEST_CASE("adapter: of the unembedding of a model that shares it") { check_adapter("tied_unembedding"); }
TEST_CASE("adapter: an unembedding of its own for a model that shares one") { check_adapter("tied_saved"); }

TEST_CASE("adapter: of scale zero changes nothing, of minus one takes back another's") {
  const auto adapter = golden / "adapters/lora_llama", base = golden / "arch/llama";
  const Json expected = read_json_file(adapter / "golden.json");
  const auto plain = logits_of(base, expected, {.precision = Precision::Exact});
  CHECK(logits_of(base, expected, {.precision = Precision::Exact, .adapters = {{adapter, 0}}}) == plain);
  const auto both =
      logits_of(base, expected, {.precision = Precision::Exact, .adapters = {{adapter, 1}, {adapter, -1}}});
  for (size_t i = 0; i < plain.size(); i++) CHECK(both[i] == Approx(plain[i]).margin(1e-4));
}

TEST_CASE("adapter: over 4-bit weights nothing of them is lost at exact precision") {
  const auto adapter = golden / "adapters/lora_llama";
  const Json expected = read_json_file(adapter / "golden.json");
  const TempFolder temp;
  const auto base = temp.path() / "4-bit";
  convert(open_model(golden / "arch/llama"), base, {.quantize_bits = 4, .group_size = 32});
  const auto plain = logits_of(base, expected, {.precision = Precision::Exact});
  const auto with = logits_of(base, expected, {.precision = Precision::Exact, .adapters = {{adapter, 1}}});
  const auto both =
      logits_of(base, expected, {.precision = Precision::Exact, .adapters = {{adapter, 1}, {adapter, -1}}});
  double changed = 0;
  for (size_t i = 0; i < plain.size(); i++) {
    CHECK(both[i] == Approx(plain[i]).margin(1e-4));
    changed = std::max(changed, std::abs(static_cast<double>(with[i]) - plain[i]));
  }
  CHECK(changed > 0.05);
}

TEST_CASE("adapter: bad ones are refused by name") {
  const auto fails = [](const std::filesystem::path& model, const std::filesystem::path& adapter) {
    try {
      Model::load(golden / "arch" / model, {.adapters = {{adapter}}});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(fails("llama", golden / "adapters/lora_gpt2"), Catch::Contains("transformer.h.0.attn.c_attn"));
  CHECK_THAT(fails("qwen3", golden / "adapters/lora_llama"), Catch::Contains("does not fit the model"));
  CHECK_THAT(fails("llama", golden / "arch/llama"), Catch::Contains("adapter_config.json"));
  TempFolder temp;
  std::filesystem::copy(golden / "adapters/lora_llama", temp.path(), std::filesystem::copy_options::recursive);
  temp.write("adapter_config.json", R"({"peft_type": "IA3", "r": 4, "lora_alpha": 8})");
  CHECK_THAT(fails("llama", temp.path()), Catch::Contains("peft_type") && Catch::Contains("IA3"));
  temp.write("adapter_config.json", R"({"peft_type": "LORA", "r": 0, "lora_alpha": 8})");
  CHECK_THAT(fails("llama", temp.path()), Catch::Contains("r; expected a number above 0"));
}
