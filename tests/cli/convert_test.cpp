#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/run.h"

using namespace foretell::test;
using Catch::Contains;

namespace {

const std::string gguf = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/gguf/qwen2.gguf";

}  // namespace

TEST_CASE("convert writes a folder that the other commands read") {
  const TempFolder temp;
  const std::string out = (temp.path() / "out");
  const Outcome done = run({"convert", gguf, "-o", out, "--max-shard-size", "20KB"});
  CHECK(done.code == 0);
  CHECK(done.out.empty());
  CHECK_THAT(done.err, Contains("wrote " + out));
  CHECK(std::filesystem::exists((temp.path() / "out/model.safetensors.index.json")));
  const Outcome inspected = run({"inspect", out, "--json"});
  CHECK(inspected.code == 0);
  CHECK(nlohmann::json::parse(inspected.out).at("architecture") == "qwen2");
  CHECK(run({"tokenize", "-m", out, "-p", "hello"}).out == run({"tokenize", "-m", gguf, "-p", "hello"}).out);
}

TEST_CASE("convert --json says what was written, --quiet says nothing") {
  const TempFolder temp;
  const Outcome done =
      run({"convert", "-m", gguf, "-o", (temp.path() / "out"), "--json", "--quantize", "4", "--group-size", "64"});
  REQUIRE(done.code == 0);
  const auto document = nlohmann::json::parse(done.out);
  CHECK(document.at("folder") == ((temp.path() / "out")).string());
  CHECK(document.at("tensors").get<int>() > 20);
  CHECK_THAT(done.err, Contains("stays as it is"));  // inputs of 32 are no whole group of 64
  CHECK(document.at("left_as_floats").size() > 0);
  const Outcome quiet = run({"convert", gguf, "-o", (temp.path() / "other"), "-q"});
  CHECK(quiet.code == 0);
  CHECK(quiet.err.empty());
}

TEST_CASE("convert: a wrong command line ends with 2, a folder that is in use with 1") {
  const TempFolder temp;
  const std::string out = (temp.path() / "out");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"convert", gguf},
        {"convert", gguf, "-o", out, "--quantize", "7"},
        {"convert", gguf, "-o", out, "--group-size", "48"},
        {"convert", gguf, "-o", out, "--dtype", "float8"},
        {"convert", gguf, "-o", out, "--calibrate", "text.txt"},
        {"convert", gguf, "-o", out, "--quantize", "4", "--calibrate-tokens", "0"},
        {"convert", gguf, "-o", out, "--max-shard-size", "0"},
        {"convert", gguf, "-o", out, "--max-shard-size", "12parsecs"},
        {"convert", gguf, "-o", out, "--max-shard-size", "-3MB"}}) {
    const Outcome outcome = run(arguments);
    INFO(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.errors().size() == 1);
    CHECK(outcome.out.empty());
  }
  CHECK_FALSE(std::filesystem::exists(out));
  temp.write("out/notes.txt", "keep");
  const Outcome refused = run({"convert", gguf, "-o", out});
  CHECK(refused.code == 1);
  CHECK_THAT(refused.err, Contains("exists and is not empty"));
}

TEST_CASE("convert --dtype writes floats that the other commands read") {
  const TempFolder temp;
  const std::string out = temp.path() / "out";
  const Outcome done = run({"convert", gguf, "--dtype", "bfloat16", "-o", out});
  CHECK(done.code == 0);
  const auto seen = nlohmann::json::parse(run({"inspect", out, "--json", "--tensors"}).out);
  for (const auto& tensor : seen.at("tensors")) CHECK(tensor.at("dtype") == "BF16");
  CHECK(run({"next", "-m", out, "--ids", "1,2,3", "--json"}).code == 0);
}

TEST_CASE("convert --calibrate reads a file or standard input, and says what is wrong with it") {
  const TempFolder temp;
  const std::string out = temp.path() / "out";
  std::string text;
  for (int i = 0; i < 300; i++) text += "hello world " + std::to_string(i * 7919 % 1000) + "\n";
  const std::string file = temp.write("text.txt", text), empty = temp.write("empty.txt", "");
  const std::vector<std::string> quantize = {"convert", gguf, "--quantize", "3", "--group-size", "32", "-o"};
  const auto with = [&](const std::string& folder, const std::string& name) {
    std::vector<std::string> arguments = quantize;
    arguments.insert(arguments.end(), {(temp.path() / folder).string(), "--calibrate", name});
    return arguments;
  };
  const Outcome missing = run(with("out", (temp.path() / "none.txt").string()));
  CHECK(missing.code == 1);
  REQUIRE(missing.errors().size() == 1);
  CHECK_THAT(missing.err, Contains("none.txt"));
  const Outcome nothing = run(with("out", empty));
  CHECK(nothing.code == 1);
  CHECK_THAT(nothing.err, Contains("the calibration text is empty") && Contains("empty.txt"));
  CHECK_FALSE(std::filesystem::exists(out));

  REQUIRE(run(with("file", file)).code == 0);
  REQUIRE(run({.arguments = with("piped", "-"), .input = text}).code == 0);
  std::vector<std::string> plain = quantize;
  plain.push_back(temp.path() / "plain");
  REQUIRE(run(plain).code == 0);
  const auto weights = [&](const char* folder) { return read_file(temp.path() / folder / "model.safetensors"); };
  CHECK(weights("file") == weights("piped"));
  CHECK(weights("file") != weights("plain"));
  CHECK(weights("file").size() == weights("plain").size());
}
