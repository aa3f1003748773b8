// What a folder's tensors tell beside its config.json.
#include "arch/open_model.h"

#include <catch2/catch.hpp>

#include "foretell/model.h"
#include "temp_folder.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/arch";

std::vector<float> logits_of(const std::filesystem::path& folder) {
  Model model = Model::load(folder, {.threads = 1});
  Sequence sequence(model);
  const TokenId ids[] = {3, 14, 15, 92};
  const auto logits = model.next_logits(sequence, ids);
  return {logits.begin(), logits.end()};
}

void copy_files(const std::string& name, const TempFolder& folder) {
  using Options = std::filesystem::copy_options;
  std::filesystem::copy(golden / name, folder.path(), Options::recursive | Options::overwrite_existing);
}

// The golden model `name` in a folder whose config.json has this value of a key, or none where it is null.
void copy_with(const TempFolder& folder, const std::string& name, const std::string& key, const Json& value) {
  copy_files(name, folder);
  Json config = read_json_file(golden / name / "config.json");
  config[key] = value;
  if (value.is_null()) config.erase(key);
  folder.write("config.json", config.dump());
}

}  // namespace

TEST_CASE("an unembedding of its own counts, whatever config.json says") {
  const TempFolder folder;
  REQUIRE(read_json_file(golden / "llama/config.json").at("tie_word_embeddings") == false);
  copy_with(folder, "llama", "tie_word_embeddings", true);
  CHECK(logits_of(folder.path()) == logits_of(golden / "llama"));
}

TEST_CASE("without an unembedding the embedding is it, unless config.json denies it") {
  const TempFolder folder;
  REQUIRE(read_json_file(golden / "qwen2/config.json").at("tie_word_embeddings") == true);
  copy_with(folder, "qwen2", "tie_word_embeddings", nullptr);  // the class's default is false
  CHECK(logits_of(folder.path()) == logits_of(golden / "qwen2"));
  copy_with(folder, "qwen2", "tie_word_embeddings", false);
  CHECK_THROWS_WITH(logits_of(folder.path()), Catch::Contains("lm_head.weight"));
}

TEST_CASE("models that see: embeddings are tied where either of the two places says so") {
  const TempFolder folder;
  copy_files("qwen2", folder);
  Json text = read_json_file(golden / "qwen2/config.json");
  text["tie_word_embeddings"] = false;
  folder.write("config.json",
               Json{{"model_type", "some_vl"}, {"tie_word_embeddings", true}, {"text_config", text}}.dump());
  CHECK(logits_of(folder.path()) == logits_of(golden / "qwen2"));
}

TEST_CASE("links that lead nowhere are named") {
  const TempFolder folder;
  std::filesystem::copy(golden / "qwen2/config.json", folder.path() / "config.json");
  std::filesystem::create_symlink("missing", folder.path() / "model.safetensors");
  CHECK_THROWS_WITH(open_model(folder.path()), Catch::Contains("model.safetensors"));
}
