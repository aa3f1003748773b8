// Tiny GGUF files of all architectures (tests/golden/gguf/make_families.py) against the reference's logits.
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "arch/open_model.h"
#include "base/json.h"
#include "foretell/model.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/gguf/families";

void check(const std::string& name) {
  const Json expected = read_json_file(golden / (name + ".json"));
  const std::filesystem::path file = golden / (name + ".gguf");
  CHECK(open_model(file).config.at("model_type") == expected.at("model_type"));
  Model model = Model::load(file, {.precision = Precision::Exact, .threads = 2});
  Sequence sequence(model);
  const auto logits = model.next_logits(sequence, expected.at("ids").get<std::vector<TokenId>>());
  const auto reference = expected.at("logits_last").get<std::vector<float>>();
  REQUIRE(logits.size() == reference.size());
  for (size_t i = 0; i < logits.size(); i++) CHECK_FALSE(std::abs(logits[i] - reference[i]) > 2e-3);
}

}  // namespace

TEST_CASE("GGUF family: gemma2") { check("gemma2"); }
TEST_CASE("GGUF family: gemma3") { check("gemma3"); }
TEST_CASE("GGUF family: mistral") { check("mistral"); }
TEST_CASE("GGUF family: mixtral") { check("mixtral"); }
TEST_CASE("GGUF family: olmoe") { check("olmoe"); }
TEST_CASE("GGUF family: qwen2_moe") { check("qwen2_moe"); }
TEST_CASE("GGUF family: qwen3_moe") { check("qwen3_moe"); }
