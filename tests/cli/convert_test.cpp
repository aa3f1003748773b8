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
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"convert", gguf},
                                                    {"convert", gguf, "-o", out, "--quantize", "7"},
                                                    {"convert", gguf, "-o", out, "--group-size", "48"},
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
