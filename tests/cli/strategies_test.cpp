// `--penalty-alpha` and `--dola-layers` as a person uses them.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/run.h"

using namespace foretell::test;
using Json = nlohmann::json;

namespace {

const std::string model = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/llama";

Outcome generate(std::vector<std::string> flags, const std::string& of = model) {
  flags.insert(flags.begin(), {"generate", "-m", of, "--ids", "5,77,200,13", "-n", "9", "--precision", "exact"});
  return run(flags);
}

Json ids_of(const std::vector<std::string>& flags, const std::string& of = model) {
  std::vector<std::string> all = flags;
  all.emplace_back("--json");
  const Outcome outcome = generate(all, of);
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  return Json::parse(outcome.out)["ids"];
}

}  // namespace

TEST_CASE("generate --penalty-alpha: contrastive search, which draws nothing") {
  const Json greedy = ids_of({"--greedy"}), found = ids_of({"--penalty-alpha", "0.6", "--top-k", "4"});
  CHECK(found.size() == 9);
  CHECK(found != greedy);
  CHECK(ids_of({"--penalty-alpha", "0.6", "--top-k", "4", "--greedy", "--temp", "0", "--seed", "3"}) == found);
  CHECK(ids_of({"--penalty-alpha", "0.6", "--top-k", "1"}) == greedy);
  CHECK(ids_of({"--penalty-alpha", "0.6"}) == ids_of({"--penalty-alpha", "0.6", "--top-k", "50"}));
  CHECK(ids_of({"--penalty-alpha", "0", "--greedy"}) == greedy);
  const Outcome text = generate({"--penalty-alpha", "0.6", "--top-k", "4", "--regex", "[a-c]{4}", "--stats"});
  CHECK(text.code == 0);
  CHECK(text.out.find_first_not_of("abc") == 4);
  CHECK(text.err.find("tokens/s") != std::string::npos);
}

TEST_CASE("generate and next --dola-layers: other layers, other texts") {
  const std::vector<std::string> dola = {"--dola-layers", "high", "--greedy"};
  const Json found = ids_of(dola);
  CHECK(found.size() == 9);
  CHECK(found != ids_of({"--greedy"}));
  CHECK(ids_of({"--dola-layers", "1", "--greedy"}) == found);  // of three layers
  CHECK(ids_of({"--dola-layers", "0", "--greedy"}) != found);
  CHECK(ids_of({"--dola-layers", "none", "--greedy"}) == ids_of({"--greedy"}));
  // Drawn, too, several texts one after the other.
  const Outcome drawn = generate({"--dola-layers", "low", "--temp", "1", "--seed", "4", "--num", "2", "--json"});
  REQUIRE(drawn.code == 0);
  const size_t end = drawn.out.find('\n');
  CHECK(Json::parse(drawn.out.substr(0, end))["ids"] == ids_of({"--dola-layers", "low", "--temp", "1", "--seed", "4"}));
  CHECK(Json::parse(drawn.out.substr(end))["seed"] == 5);
  // Says which layers, that some are not there, and what goes with it.
  const Outcome told = generate({"--dola-layers", "0,1,7", "--greedy", "-v"});
  CHECK(told.err.find("against 0, 1\n") != std::string::npos);
  CHECK(told.err.find("no layer 7") != std::string::npos);
  CHECK(told.err.find("--repetition-penalty 1.2") != std::string::npos);

  std::vector<std::string> next = {"next", "-m", model, "--ids",  "5,77,200,13", "--dola-layers",
                                   "high", "-k", "3",   "--json", "--precision", "exact"};
  const Json best = Json::parse(run(next).out)["candidates"];
  REQUIRE(best.size() == 3);
  CHECK(best[0]["id"] == found[0]);
}

TEST_CASE("contrastive search and DoLa: the publisher's settings hold, and flags beat them") {
  const TempFolder folder;
  for (const char* file : {"config.json", "model.safetensors", "tokenizer.json"})
    std::filesystem::copy(std::filesystem::path(model) / file, folder.path() / file);
  const std::string own = folder.path().string();
  folder.write("generation_config.json", R"({"penalty_alpha": 0.6, "top_k": 4, "eos_token_id": 2})");
  const Json found = ids_of({"--penalty-alpha", "0.6", "--top-k", "4"});
  CHECK(ids_of({}, own) == found);
  CHECK(ids_of({"--greedy"}, own) == ids_of({"--greedy"}));
  CHECK(ids_of({"--penalty-alpha", "0.9"}, own) == ids_of({"--penalty-alpha", "0.9", "--top-k", "4"}));
  CHECK(ids_of({"--temp", "0.9", "--seed", "1"}, own) != found);
  const Outcome many = generate({"--num", "2"}, own);
  CHECK(many.code == 0);
  CHECK(many.err.find("penalty_alpha of generation_config.json has no effect") != std::string::npos);
  folder.write("generation_config.json", R"({"dola_layers": [0], "do_sample": false, "repetition_penalty": 1.3})");
  CHECK(ids_of({}, own) == ids_of({"--dola-layers", "0", "--greedy", "--repetition-penalty", "1.3"}));
  CHECK(ids_of({"--dola-layers", "none"}, own) == ids_of({"--greedy", "--repetition-penalty", "1.3"}));
}

TEST_CASE("contrastive search and DoLa: what does not go with them is an error of the command line") {
  const std::vector<std::vector<std::string>> wrong = {{"--penalty-alpha", "0.6", "--temp", "0.7"},
                                                       {"--penalty-alpha", "0.6", "--top-p", "0.7"},
                                                       {"--penalty-alpha", "0.6", "--adaptive-target", "0.7"},
                                                       {"--penalty-alpha", "0.6", "--top-k", "0"},
                                                       {"--penalty-alpha", "0.6", "--num", "2"},
                                                       {"--penalty-alpha", "0.6", "--beams", "2"},
                                                       {"--penalty-alpha", "0.6", "--lookup", "2"},
                                                       {"--penalty-alpha", "0.6", "--draft", "other"},
                                                       {"--penalty-alpha", "0.6", "--session", "x.session"},
                                                       {"--penalty-alpha", "0.6", "--prompt-cache", "x.session"},
                                                       {"--penalty-alpha", "0.6", "--batch-lines"},
                                                       {"--penalty-alpha", "0.6", "--guidance-scale", "2"},
                                                       {"--penalty-alpha", "0.6", "--dola-layers", "low"},
                                                       {"--penalty-alpha", "1.6"},
                                                       {"--penalty-alpha", "x"},
                                                       {"--dola-layers", "low", "--batch-lines"},
                                                       {"--dola-layers", "low", "--beams", "2"},
                                                       {"--dola-layers", "low", "--lookup", "2"},
                                                       {"--dola-layers", "low", "--draft", "other"},
                                                       {"--dola-layers", "low", "--guidance-scale", "2"},
                                                       {"--dola-layers", "3"},
                                                       {"--dola-layers", ""},
                                                       {"--dola-layers", "-1"},
                                                       {"--dola-layers", "middle"}};
  for (const std::vector<std::string>& flags : wrong) {
    const Outcome outcome = generate(flags);
    INFO(flags[0] << " " << flags[1] << " " << flags.back() << ": " << outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.errors().size() == 1);
  }
}
