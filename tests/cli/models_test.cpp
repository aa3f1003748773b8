// Models that are not there or not what they say, through the binary: one line, exit code 1, nothing on standard
// output.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "cli/run.h"
#include "cli/tiny_model.h"

using namespace foretell::test;
namespace fs = std::filesystem;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void check_failure(const std::vector<std::string>& arguments, const std::string& part) {
  const Outcome outcome = run({.arguments = arguments, .no_input = true, .limit = std::chrono::seconds(20)});
  INFO("arguments: " << arguments.back() << "\nstderr: " << outcome.err);
  CHECK(outcome.code == 1);
  CHECK_FALSE(outcome.late);
  CHECK(outcome.out.empty());
  CHECK(outcome.errors().size() == 1);
  CHECK(contains(outcome.err, part));
}

// The tiny model with something changed is refused by `inspect --check`.
void check_broken(const std::function<void(const TempFolder&)>& change, const std::string& part) {
  const TempFolder folder;
  write_tiny_model(folder);
  change(folder);
  check_failure({"inspect", "--check", folder.path().string()}, part);
}

void check_config(const std::function<void(nlohmann::ordered_json&)>& change, const std::string& part) {
  const TempFolder folder;
  auto config = tiny_config();
  change(config);
  folder.write("config.json", config.dump());
  check_failure({"inspect", folder.path().string()}, part);
}

void check_tensors(const std::function<void(std::map<std::string, Shape>&)>& change, const std::string& part) {
  auto tensors = tiny_tensors();
  change(tensors);
  check_broken([&](const TempFolder& f) { f.write("model.safetensors", safetensors(tensors)); }, part);
}

}  // namespace

TEST_CASE("the tiny model is whole") {
  const TempFolder folder;
  write_tiny_model(folder);
  const Outcome outcome = run({"inspect", "--check", folder.path().string()});
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.out, "every number is finite"));
}

TEST_CASE("a model that is not there") {
  check_failure({"inspect", "/nonexistent/model"}, "/nonexistent/model: ");
  check_failure({"inspect", "./nothing"}, "./nothing: ");
  check_failure({"inspect", "nothing.gguf"}, "nothing.gguf: ");
  check_failure({"inspect", "nobody/nothing"}, "nobody/nothing: ");
  check_failure({"tokenize", "-p", "hi", "-m", "/nonexistent/model"}, "/nonexistent/model");
  const TempFolder folder;
  check_failure({"inspect", folder.path().string()}, "config.json");
  fs::create_symlink("/nonexistent/target", folder.path() / "link");
  check_failure({"inspect", (folder.path() / "link").string()}, "link");
}

TEST_CASE("a name that nobody knows is a wrong command line") {
  const TempFolder folder;
  folder.write("my-llama/config.json", tiny_config().dump());
  const std::map<std::string, std::string> models = {{"FORETELL_MODELS", "/nonexistent:" + folder.path().string()}};
  const Outcome outcome = run({.arguments = {"inspect", "my-lama"}, .no_input = true, .environment = models});
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
  CHECK(outcome.errors().size() == 1);
  CHECK(contains(outcome.err, "did you mean my-llama?"));
  for (const char* name : {"my-llama", "My_Llama"}) {
    INFO(name);
    CHECK(run({.arguments = {"inspect", name}, .no_input = true, .environment = models}).code == 0);
  }
  // Below ./models too.
  const TempFolder place;
  place.write("models/here/config.json", tiny_config().dump());
  CHECK(run({.arguments = {"inspect", "here"}, .no_input = true, .directory = place.path()}).code == 0);
}

TEST_CASE("an id of the Hugging Face hub is looked up in its cache") {
  const TempFolder cache;
  const std::string base = "models--org--tiny/";
  cache.write(base + "refs/main", "0123abcd");
  cache.write(base + "snapshots/0123abcd/config.json", tiny_config().dump());
  for (const auto& [variable, value] : std::map<std::string, std::string>{{"HF_HUB_CACHE", cache.path().string()}}) {
    const Outcome outcome =
        run({.arguments = {"inspect", "org/tiny"}, .no_input = true, .environment = {{variable, value}}});
    INFO(outcome.err);
    CHECK(outcome.code == 0);
  }
  const TempFolder home;
  home.write(".cache/huggingface/hub/" + base + "refs/main", "0123abcd");
  home.write(".cache/huggingface/hub/" + base + "snapshots/0123abcd/config.json", tiny_config().dump());
  CHECK(run({.arguments = {"inspect", "org/tiny"}, .no_input = true, .environment = {{"HOME", home.path().string()}}})
            .code == 0);
}

TEST_CASE("a config that is not one") {
  const auto text = [](const std::string& content) {
    const TempFolder folder;
    folder.write("config.json", content);
    check_failure({"inspect", folder.path().string()}, "config.json: ");
  };
  text("");
  text("{");
  text("[]");
  text("{\"model_type\": \"llama\"} more");
  text("{}");
  text("{\"model_type\": 7}");
  text(std::string(100000, '['));
  check_config([](auto& c) { c["model_type"] = "lama"; }, "where: model_type");
  check_config([](auto& c) { c["hidden_size"] = "eight"; }, "where: hidden_size");
  check_config([](auto& c) { c["hidden_size"] = -8; }, "where: hidden_size");
  check_config([](auto& c) { c["hidden_size"] = 8.5; }, "where: hidden_size");
  check_config([](auto& c) { c["num_hidden_layers"] = 0; }, "where: num_hidden_layers");
  check_config([](auto& c) { c["num_key_value_heads"] = 3; }, "where: num_key_value_heads");
  check_config([](auto& c) { c["hidden_act"] = "spiral"; }, "where: hidden_act");
  check_config([](auto& c) { c["torch_dtype"] = "float12"; }, "where: torch_dtype");
}

TEST_CASE("weights that are not what they say") {
  const std::string file = "model.safetensors";
  const std::string whole = safetensors(tiny_tensors());
  const auto content = [&](const std::string& bytes, const std::string& part) {
    check_broken([&](const TempFolder& f) { f.write(file, bytes); }, part);
  };
  content("", "model.safetensors: ");
  content(whole.substr(0, 5), "model.safetensors: ");
  content(whole.substr(0, 100), "model.safetensors: ");
  content(whole.substr(0, whole.size() - 1), "model.safetensors: ");
  content(whole + "x", "model.safetensors: ");
  content(std::string(8, '\xff') + whole.substr(8), "model.safetensors: ");
  content("GGUF" + whole.substr(4), "model.safetensors: ");
  content("<!DOCTYPE html><html>Not found</html>", "model.safetensors: ");
  content("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "model.safetensors: ");
  content(safetensors(tiny_tensors(), std::numeric_limits<float>::quiet_NaN()), "not a finite number (where: ");
  content(safetensors(tiny_tensors(), std::numeric_limits<float>::infinity()), "not a finite number (where: ");
  check_tensors([](auto& t) { t.erase("model.norm.weight"); }, "model.norm.weight");
  check_tensors([](auto& t) { t["model.norm.weight"] = {9}; }, "model.norm.weight");
  check_tensors(
      [](auto& t) {
        t["model.layers.0.self_attn.k_proj.weight"] = {8, 8};
      },
      "k_proj.weight; expected [4, 8], found [8, 8]");
  check_tensors([](auto& t) { t["model.layers.0.mlp.down_proj.weight"] = {4, 8}; }, "down_proj.weight");
  check_broken(
      [&](const TempFolder& f) {
        fs::remove(f.path() / file);
        f.write("model.safetensors.index.json",
                R"({"weight_map": {"model.norm.weight": "model-00001-of-00001.safetensors"}})");
      },
      "model-00001-of-00001.safetensors");
  check_broken(
      [&](const TempFolder& f) {
        fs::remove(f.path() / file);
        fs::create_directory(f.path() / file);
      },
      "model.safetensors: ");
  check_broken([&](const TempFolder& f) { fs::remove(f.path() / file); }, "no weights");
  check_broken(
      [&](const TempFolder& f) {
        fs::remove(f.path() / file);
        f.write("model.json", "{\"model.norm.weight\": [1, 2");
      },
      "model.json: ");
}

TEST_CASE("files of the wrong kind are refused without waiting") {
  const TempFolder folder;
  write_tiny_model(folder);
  fs::remove(folder.path() / "model.safetensors");
  REQUIRE(mkfifo((folder.path() / "model.safetensors").c_str(), 0600) == 0);
  check_failure({"inspect", "--check", folder.path().string()}, "model.safetensors");
  REQUIRE(mkfifo((folder.path() / "pipe.gguf").c_str(), 0600) == 0);
  check_failure({"inspect", (folder.path() / "pipe.gguf").string()}, "pipe.gguf");
  check_failure({"inspect", "/dev/null"}, "/dev/null");
  check_failure({"inspect", folder.write("model.bin", "x").string()}, "model.bin");
  check_failure({"inspect", folder.write("empty.gguf", "").string()}, "empty.gguf");
  check_failure({"inspect", folder.write("text.gguf", "not a model at all, but long enough").string()}, "text.gguf");
}

TEST_CASE("a folder that may not be read") {
  const TempFolder folder;
  write_tiny_model(folder);
  fs::permissions(folder.path(), fs::perms::none);
  Invocation invocation{.arguments = {"inspect", folder.path().string()}, .no_input = true};
  if (geteuid() == 0) {  // the superuser may read everything: somebody else tries
    invocation.program = "/usr/bin/setpriv";
    const std::vector<std::string> nobody = {"--reuid=65534", "--clear-groups", FORETELL_BINARY};
    Invocation version = invocation;
    version.arguments = nobody;
    version.arguments.emplace_back("--version");
    if (run(version).code != 0) {
      WARN("nobody but the superuser may run the binary here: not tested");
      return;
    }
    invocation.arguments.insert(invocation.arguments.begin(), nobody.begin(), nobody.end());
  }
  const Outcome outcome = run(invocation);
  INFO("stderr: " << outcome.err);
  fs::permissions(folder.path(), fs::perms::owner_all);
  CHECK(outcome.code == 1);
  CHECK(outcome.out.empty());
  REQUIRE(outcome.errors().size() == 1);
  CHECK(contains(outcome.err, folder.path().string()));
  CHECK(contains(outcome.err, "Permission denied"));
}

TEST_CASE("texts and tokenizers that are not there") {
  const TempFolder folder;
  write_tiny_model(folder);
  check_failure({"tokenize", "-p", "hi", "-m", folder.path().string()}, "tokenizer.json");
  folder.write("tokenizer.json", "{\"version\": \"1.0\"");
  check_failure({"tokenize", "-p", "hi", "-m", folder.path().string()}, "tokenizer.json");
  folder.write("tokenizer.json", "{\"model\": {\"type\": \"Crystal\"}}");
  check_failure({"tokenize", "-p", "hi", "-m", folder.path().string()}, "Crystal");
  check_failure({"tokenize", "-f", "/nonexistent/text"}, "/nonexistent/text: ");
  check_failure({"tokenize", "-f", folder.path().string()}, folder.path().string() + ": ");
}
