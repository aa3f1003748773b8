// Tiny GGUF files of all architectures (tests/golden/gguf/make_families.py) against the reference's logits.
#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "arch/gguf_config.h"
#include "arch/open_model.h"
#include "base/json.h"
#include "foretell/model.h"
#include "model/convert.h"
#include "temp_folder.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/gguf/families";

void check_logits(const std::filesystem::path& file, const Json& expected) {
  CAPTURE(file.string());
  Model model = Model::load(file, {.precision = Precision::Exact, .threads = 2});
  Sequence sequence(model);
  const auto logits = model.next_logits(sequence, expected.at("ids").get<std::vector<TokenId>>());
  const auto reference = expected.at("logits_last").get<std::vector<float>>();
  REQUIRE(logits.size() == reference.size());
  for (size_t i = 0; i < logits.size(); i++) CHECK_FALSE(std::abs(logits[i] - reference[i]) > 2e-3);
}

// The file, and the folder that it is converted to.
void check(const std::string& name) {
  const Json expected = read_json_file(golden / (name + ".json"));
  const std::filesystem::path file = golden / (name + ".gguf");
  const Checkpoint checkpoint = open_model(file);
  CHECK(checkpoint.config.at("model_type") == expected.at("model_type"));
  check_logits(file, expected);
  const TempFolder folder;
  convert(checkpoint, folder.path() / "converted", {});
  check_logits(folder.path() / "converted", expected);
}

}  // namespace

TEST_CASE("GGUF: the families name the architectures that are known") {
  std::set<std::string_view> named, known;
  for (const Family* family : families()) named.insert(family->gguf_architecture);
  for (const GgufConventions& conventions : gguf_architectures()) known.insert(conventions.architecture);
  known.insert("");  // of families without one
  CHECK(named == known);
}

TEST_CASE("GGUF family: apertus") { check("apertus"); }
TEST_CASE("GGUF family: arcee") { check("arcee"); }
TEST_CASE("GGUF family: bloom") { check("bloom"); }
TEST_CASE("GGUF family: cohere") { check("cohere"); }
TEST_CASE("GGUF family: cohere2") { check("cohere2"); }
TEST_CASE("GGUF family: deepseek_v2") { check("deepseek_v2"); }
TEST_CASE("GGUF family: deepseek_v3") { check("deepseek_v3"); }
TEST_CASE("GGUF family: ernie4_5") { check("ernie4_5"); }
TEST_CASE("GGUF family: exaone4") { check("exaone4"); }
TEST_CASE("GGUF family: falcon") { check("falcon"); }
TEST_CASE("GGUF family: falcon_two_norms") { check("falcon_two_norms"); }
TEST_CASE("GGUF family: gemma2") { check("gemma2"); }
TEST_CASE("GGUF family: gemma3") { check("gemma3"); }
TEST_CASE("GGUF family: gemma4") { check("gemma4"); }
TEST_CASE("GGUF family: gemma4_experts") { check("gemma4_experts"); }
TEST_CASE("GGUF family: glm") { check("glm"); }
TEST_CASE("GGUF family: glm4") { check("glm4"); }
TEST_CASE("GGUF family: gpt_bigcode") { check("gpt_bigcode"); }
TEST_CASE("GGUF family: gpt_neox") { check("gpt_neox"); }
TEST_CASE("GGUF family: gpt_oss") { check("gpt_oss"); }
TEST_CASE("GGUF family: granite") { check("granite"); }
TEST_CASE("GGUF family: granitemoe") { check("granitemoe"); }
TEST_CASE("GGUF family: hunyuan_v1_dense") { check("hunyuan_v1_dense"); }
TEST_CASE("GGUF family: lfm2") { check("lfm2"); }
TEST_CASE("GGUF family: llama4") { check("llama4"); }
TEST_CASE("GGUF family: minicpm3") { check("minicpm3"); }
TEST_CASE("GGUF family: ministral3") { check("ministral3"); }
TEST_CASE("GGUF family: mistral") { check("mistral"); }
TEST_CASE("GGUF family: mixtral") { check("mixtral"); }
TEST_CASE("GGUF family: mixtral_apart") { check("mixtral_apart"); }
TEST_CASE("GGUF family: mpt") { check("mpt"); }
TEST_CASE("GGUF family: nemotron") { check("nemotron"); }
TEST_CASE("GGUF family: olmo") { check("olmo"); }
TEST_CASE("GGUF family: olmo2") { check("olmo2"); }
TEST_CASE("GGUF family: olmo3") { check("olmo3"); }
TEST_CASE("GGUF family: olmoe") { check("olmoe"); }
TEST_CASE("GGUF family: phi") { check("phi"); }
TEST_CASE("GGUF family: phi3") { check("phi3"); }
TEST_CASE("GGUF family: phi3_long") { check("phi3_long"); }
TEST_CASE("GGUF family: qwen2_moe") { check("qwen2_moe"); }
TEST_CASE("GGUF family: qwen3_5") { check("qwen3_5"); }
TEST_CASE("GGUF family: qwen3_moe") { check("qwen3_moe"); }
TEST_CASE("GGUF family: qwen3_next") { check("qwen3_next"); }
TEST_CASE("GGUF family: seed_oss") { check("seed_oss"); }
TEST_CASE("GGUF family: smollm3") { check("smollm3"); }
TEST_CASE("GGUF family: stablelm") { check("stablelm"); }
TEST_CASE("GGUF family: starcoder2") { check("starcoder2"); }
