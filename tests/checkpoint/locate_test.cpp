#include "checkpoint/locate.h"

#include <catch2/catch.hpp>

#include "foretell/error.h"
#include "temp_folder.h"

using namespace foretell;
namespace fs = std::filesystem;

namespace {

struct Places {
  TempFolder folder;
  fs::path first = folder.path() / "first", second = folder.path() / "second", hub = folder.path() / "hub";

  Places() {
    for (const char* name : {"first/gpt3", "first/SmolLM2-135M-Instruct", "second/gpt3", "second/toy", "second/Toy_2",
                             "second/qwen2.5-0.5b", "second/org/nested"})
      folder.write(std::string(name) + "/config.json", "{}");
    folder.write("second/Llama.Q4_1.gguf", "");
    folder.write("second/notes/readme.txt", "");
    const std::string smol = "hub/models--HuggingFaceTB--SmolLM-135M/", old = "hub/models--gpt2/";
    folder.write(smol + "snapshots/abc123/config.json", "{}");
    folder.write(smol + "snapshots/def456/config.json", "{}");
    folder.write(smol + "refs/main", "def456\n");
    folder.write(old + "snapshots/0011/config.json", "{}");
    folder.write("hub/models--some--gone/refs/main", "ffff");
    folder.write("hub/models--some--two/snapshots/1/config.json", "{}");
    folder.write("hub/models--some--two/snapshots/2/config.json", "{}");
  }
  fs::path find(const std::string& name) const { return locate_model(name, {first, second}, hub); }
  ErrorParts miss(const std::string& name) const {
    try {
      find(name);
    } catch (const Error& error) {
      return error.parts();
    }
    return {.what = "found"};
  }
};

}  // namespace

TEST_CASE("a model is found by its path, by its loosely written name, by a part of it") {
  const Places places;
  CHECK(places.find((places.first / "gpt3").string()) == places.first / "gpt3");
  CHECK(places.find("gpt3") == places.first / "gpt3");  // the first folder wins
  CHECK(places.find("org/nested") == places.second / "org" / "nested");
  CHECK(places.find("GPT-3") == places.first / "gpt3");
  CHECK(places.find("smollm2_135m.instruct") == places.first / "SmolLM2-135M-Instruct");
  CHECK(places.find("smollm2") == places.first / "SmolLM2-135M-Instruct");
  CHECK(places.find("instruct") == places.first / "SmolLM2-135M-Instruct");
  CHECK(places.find("qwen25") == places.second / "qwen2.5-0.5b");
  CHECK(places.find("toy") == places.second / "toy");  // not the one that only begins so
  CHECK(places.find("toy2") == places.second / "Toy_2");
  CHECK(places.find("llama.q4_1") == places.second / "Llama.Q4_1.gguf");
}

TEST_CASE("a hub id is found in the local cache") {
  const Places places;
  CHECK(places.find("HuggingFaceTB/SmolLM-135M") ==
        places.hub / "models--HuggingFaceTB--SmolLM-135M" / "snapshots" / "def456");
  CHECK(places.find("huggingfacetb/smollm-135m").filename() == "def456");
  CHECK(places.find("gpt2").filename() == "0011");
  CHECK(places.miss("some/gone").found == "ffff");
  CHECK(places.miss("some/two").found == "2 snapshots");
  CHECK_THROWS_AS(locate_model("HuggingFaceTB/SmolLM-135M", {places.first}, {}), Error);
}

TEST_CASE("a miss names what is near, several matches name each other") {
  const Places places;
  CHECK(places.miss("gtp3").hint.find("gpt3") != std::string::npos);
  CHECK(places.miss("HuggingFaceTB/SmolLM-125M").hint.find("HuggingFaceTB/SmolLM-135M") != std::string::npos);
  const ErrorParts far = places.miss("/no/such/place/at-all");
  CHECK(far.file == "/no/such/place/at-all");
  CHECK(far.what == "no such model");
  CHECK(far.expected.find(places.second.string()) != std::string::npos);
  CHECK(places.miss("2").found == "SmolLM2-135M-Instruct, Toy_2, qwen2.5-0.5b");
  CHECK(places.miss("").what == "the model's name is empty");
  CHECK(places.miss("...").what == "no such model");
  CHECK(places.miss(std::string(5000, 'x')).what == "no such model");
  CHECK(places.miss("notes").what == "found");  // a path below a folder: opening says what is missing there
}
