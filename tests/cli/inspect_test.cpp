// `inspect`: the lesson's table, exact counts, tensors and memory.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/run.h"
#include "cli/tiny_model.h"

using namespace foretell::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

json inspect(const std::string& model, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"inspect", "--json", model});
  const Outcome outcome = run(more);
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  return json::parse(outcome.out);
}

json row(const json& seen, const std::string& name) {
  for (const json& r : seen["ledger"]) {
    if (r["name"] == name) return r;
  }
  return {};
}

const fs::path golden = fs::path(FORETELL_SOURCE_DIR) / "tests/golden/arch";

}  // namespace

TEST_CASE("inspect counts what the reference counts") {
  for (const char* name : {"gpt2", "llama", "llama3_rope", "mistral", "qwen2", "qwen3", "gemma"}) {
    INFO(name);
    const json reference = json::parse(read_file(golden / name / "golden.json"));
    const json seen = inspect((golden / name).string(), {"--ledger", "exact", "--tensors"});
    CHECK(seen["parameters"] == reference["parameters"]);
    CHECK(seen["ledger_total"] == reference["parameters"]);
    int64_t sum = 0, stored = 0;
    for (const json& r : seen["ledger"]) sum += r["total"].get<int64_t>();
    CHECK(sum == reference["parameters"]);
    // What lies in the file is what config.json alone promises.
    for (const json& tensor : seen["tensors"]) {
      int64_t elements = 1;
      for (const json& n : tensor["shape"]) elements *= n.get<int64_t>();
      stored += elements;
    }
    CHECK(stored == reference["parameters"]);
    const TempFolder alone;
    fs::copy(golden / name / "config.json", alone.path() / "config.json");
    const json described = inspect(alone.path().string(), {"--tensors"});
    CHECK(described["parameters"] == reference["parameters"]);
    CHECK(described["tensors"].size() == seen["tensors"].size());
    CHECK(described["memory"]["weights_bytes"] == seen["memory"]["weights_bytes"]);
  }
}

TEST_CASE("inspect prints the lesson's table of GPT-3 from its config alone") {
  const Outcome outcome = run({"inspect", "gpt3"});
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  for (const char* number : {"617,558,016", "14,495,514,624", "57,982,058,496", "27,938", "175,181,291,520",
                             "174,604,259,328", "9,216", "128 × 12,288"})
    CHECK(contains(outcome.out, number));
  const json seen = inspect("gpt3");
  CHECK(seen["architecture"] == "gpt2");
  CHECK(seen["ledger_total"] == 175'181'291'520);
  CHECK(seen["matrices"] == 27'938);
  CHECK(seen["parameters"] == 174'604'259'328);
  CHECK(seen["ledger"].size() == 8);
  CHECK(row(seen, "Query") ==
        json({{"name", "Query"}, {"rows", 128}, {"cols", 12288}, {"count", 9216}, {"total", 14'495'514'624}}));
  CHECK_FALSE(seen.contains("tensors"));
  CHECK(inspect("gpt3", {"--ledger", "exact"})["ledger"].size() == 13);
}

TEST_CASE("inspect lists tensors and memory as stored") {
  const TempFolder folder;
  write_tiny_model(folder);
  const json seen = inspect(folder.path().string(), {"--tensors"});
  CHECK(seen["tied_embeddings"] == true);
  CHECK(seen["tensors"].size() == tiny_tensors().size());
  CHECK(seen["tensors"][0] == json({{"name", "model.embed_tokens.weight"}, {"dtype", "F32"}, {"shape", {8, 8}}}));
  const int64_t numbers = 64 + 8 + 64 + 32 + 32 + 64 + 8 + 32 + 32 + 32 + 8;
  CHECK(seen["parameters"] == numbers);
  CHECK(seen["memory"]["weights_bytes"] == 4 * numbers);
  CHECK(seen["memory"]["kv_bytes_per_token"].get<int64_t>() >= 4 * (4 + 4));
  // The model may be named by -m, by the file and by config.json too.
  CHECK(run({"inspect", "-m", folder.path().string()}).code == 0);
  CHECK(run({"inspect", (folder.path() / "model.safetensors").string()}).code == 0);
  CHECK(run({"inspect", (folder.path() / "config.json").string()}).code == 0);
  CHECK(run({"inspect", folder.path().string(), "-m", folder.path().string()}).code == 2);
}

TEST_CASE("inspect says how the weights are stored, and what is not used so") {
  const std::string file = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/gguf/mixed.gguf";
  const auto rounded = [](const json& seen) {
    std::vector<std::string> names;
    for (const json& type : seen["types"])
      if (type["rounded"]) names.push_back(type["dtype"]);
    return names;
  };
  const json seen = inspect(file);
  CHECK(seen["types"][0] == json({{"dtype", "Q4_K"}, {"tensors", 1}, {"bytes", 36864}, {"rounded", false}}));
  CHECK(seen["types"].size() == 9);
  CHECK(rounded(seen) == std::vector<std::string>{"Q6_K", "Q2_K", "IQ2_XS"});
  CHECK(rounded(inspect(file, {"--precision", "exact"})).empty());
  const std::string text = run({"inspect", file}).out;
  CHECK(contains(text, "1 Q4_K, 1 Q3_K"));
  CHECK(contains(text, "matrices in Q6_K, Q2_K, IQ2_XS are rounded to 8 bits in groups of 32"));
  CHECK(contains(run({"next", "-m", file, "-v", "-p", "a"}).err, "1 matrix in Q6_K rounded to 8 bits"));
}

TEST_CASE("inspect refuses what is out of range") {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{{"--ledger", "both"},
                                                                                     {"-c", "0"},
                                                                                     {"-c", "-1"},
                                                                                     {"-c", "1e400"},
                                                                                     {"-c", "10x"},
                                                                                     {"-c", ""},
                                                                                     {"-c", "nan"},
                                                                                     {"-c", "99999999999999999999"},
                                                                                     {"-c", "3000"},
                                                                                     {"--precision", "double"},
                                                                                     {"--tensors=perhaps"}}) {
    INFO(wrong.back());
    std::vector<std::string> arguments = {"inspect", "gpt3"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    const Outcome outcome = run(arguments);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.errors().size() == 1);
  }
  CHECK(contains(run({"inspect", "gpt3", "-c", "0"}).err, "expected a whole number of at least 1"));
}

TEST_CASE("a config of absurd size is an error, not a crash") {
  const TempFolder folder;
  auto config = tiny_config();
  config["hidden_size"] = int64_t{1} << 62;
  folder.write("config.json", config.dump());
  CHECK(run({"inspect", folder.path().string()}).code == 1);
}

TEST_CASE("the default model is found from anywhere") {
  const Outcome outcome = run({.arguments = {"inspect"}, .no_input = true, .directory = "/"});
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(contains(outcome.out, "134,515,008"));  // the model's card
  // As it is installed: bin/ beside share/.
  const TempFolder prefix;
  fs::create_directories(prefix.path() / "share/foretell");
  fs::create_directories(prefix.path() / "bin");
  fs::create_directory_symlink(fs::path(FORETELL_SOURCE_DIR) / "models", prefix.path() / "share/foretell/models");
  fs::copy_file(FORETELL_BINARY, prefix.path() / "bin/foretell");
  const Outcome installed =
      run({.arguments = {"inspect"}, .no_input = true, .directory = "/", .program = prefix.path() / "bin/foretell"});
  INFO(installed.err);
  CHECK(installed.code == 0);
  CHECK(contains(installed.out, (prefix.path() / "bin").parent_path().string()));
}
