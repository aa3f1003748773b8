#include <catch2/catch.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "cli/run.h"

using namespace foretell::test;
using Json = nlohmann::json;

namespace {

const std::string model = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/gpt2";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<std::string> with(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"generate", "-m", model});
  return flags;
}

Json json_of(std::vector<std::string> flags) {
  flags.emplace_back("--json");
  const Outcome outcome = run(with(flags));
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  return Json::parse(outcome.out);
}

Json golden_case() { return Json::parse(read_file(model + "/golden.json"))["cases"][0]; }

}  // namespace

TEST_CASE("generate: greedy tokens are the reference's") {
  const Json golden = golden_case();
  const Json json = json_of({"--ids", golden["ids"].dump(), "-n", "24", "--greedy", "--ignore-eos"});
  CHECK(json["prompt_ids"] == golden["ids"]);
  CHECK(json["ids"] == golden["greedy"]);
  CHECK(json["finish_reason"] == "length");
  CHECK(json["seed"].is_number_unsigned());
  CHECK(json["timing"]["prefill_tokens"] == golden["ids"].size());
  CHECK(json["timing"]["decode_tokens"] == 24);
  for (const char* key : {"load_s", "prefill_s", "decode_s"}) CHECK(json["timing"][key].get<double>() >= 0);
  CHECK_FALSE(json.contains("logprobs"));
  CHECK(json_of({"--ids", golden["ids"].dump(), "-n", "24", "--temp", "0", "--ignore-eos"})["ids"] == golden["greedy"]);
}

TEST_CASE("generate: the streamed text is the document's") {
  const std::vector<std::string> flags = {"-p", "a text", "-n", "40", "--temp", "2", "--seed", "11"};
  const Json json = json_of(flags);
  const Outcome outcome = run(with(flags));
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  const auto text = json["text"].get<std::string>();
  CHECK(outcome.out == (text.ends_with("\n") ? text : text + "\n"));
  std::vector<std::string> echo = flags;
  echo.emplace_back("--echo");
  CHECK(json_of(echo)["text"] == "a text" + text);
  CHECK(run(with(echo)).out == "a text" + outcome.out);
  // The prompt may come through a pipe or from a file as well.
  const std::vector<std::string> piped = {"generate", "-m", model, "-n", "40", "--temp", "2", "--seed", "11"};
  CHECK(run({.arguments = piped, .input = "a text"}).out == outcome.out);
}

TEST_CASE("generate: a seed decides, and the threads do not") {
  const auto ids = [](const std::string& seed, const std::string& threads) {
    return json_of({"-p", "a", "-n", "30", "--temp", "3", "--seed", seed, "-t", threads})["ids"];
  };
  CHECK(ids("5", "1") == ids("5", "3"));
  CHECK(ids("5", "1") != ids("6", "1"));
  const Json random = json_of({"-p", "a", "-n", "30", "--temp", "3"});
  CHECK(random["ids"] == ids(random["seed"].dump(), "1"));
}

TEST_CASE("generate: more threads than CPUs are as many as CPUs, and that is said") {
  const Outcome outcome = run(with({"-p", "a", "-n", "2", "--seed", "1", "-t", "1024"}));
  CHECK(outcome.code == 0);
  CHECK(outcome.err.find("--threads 1024: ") != std::string::npos);
  CHECK(run(with({"-p", "a", "-n", "2", "--seed", "1", "-t", "1"})).err.find("--threads") == std::string::npos);
}

TEST_CASE("generate: several texts, each as alone") {
  const Outcome outcome = run(with({"-p", "abc", "-n", "8", "--temp", "3", "--seed", "20", "--num", "3", "--json"}));
  REQUIRE(outcome.code == 0);
  std::istringstream lines(outcome.out);
  std::string line;
  for (const char* seed : {"20", "21", "22"}) {
    REQUIRE(std::getline(lines, line));
    const Json json = Json::parse(line);
    CHECK(json["ids"] == json_of({"-p", "abc", "-n", "8", "--temp", "3", "--seed", seed})["ids"]);
    CHECK(json["seed"].dump() == seed);
  }
  CHECK_FALSE(std::getline(lines, line));
  CHECK(contains(run(with({"-p", "abc", "-n", "1", "--num", "2", "--seed", "1"})).out, "--- 2 of 2, seed 2\n"));
}

TEST_CASE("generate: stop texts and end tokens") {
  const Json golden = golden_case();
  const std::string ids = golden["ids"].dump();
  const Json whole = json_of({"--ids", ids, "-n", "24", "--greedy", "--ignore-eos"});
  const auto text = whole["text"].get<std::string>();
  REQUIRE(text.size() > 8);
  const std::string stop = text.substr(text.size() - 3);
  const Json json = json_of({"--ids", ids, "-n", "24", "--greedy", "--ignore-eos", "--stop", stop});
  CHECK(json["finish_reason"] == "stop");
  CHECK(json["text"] == text.substr(0, text.find(stop)));
  // The first token of the greedy text as the end token, by a generation_config.json.
  TempFolder folder;
  std::filesystem::copy(model, folder.path(), std::filesystem::copy_options::recursive);
  const std::string first = golden["greedy"][0].dump(), second = golden["greedy"][1].dump();
  folder.write("generation_config.json", R"({"do_sample":false,"eos_token_id":[)" + second + "]}");
  const Outcome ended = run({"generate", "-m", folder.path().string(), "--ids", ids, "-n", "24", "--json"});
  CHECK(Json::parse(ended.out)["ids"] == Json::array({golden["greedy"][0]}));
  CHECK(Json::parse(ended.out)["finish_reason"] == "stop");
  const Outcome later =
      run({"generate", "-m", folder.path().string(), "--ids", ids, "-n", "24", "--json", "--min-tokens", "3"});
  CHECK(Json::parse(later.out)["ids"].size() >= 3);
}

TEST_CASE("generate: log-probabilities") {
  const Json golden = golden_case();
  const Json json = json_of({"--ids", golden["ids"].dump(), "-n", "3", "--greedy", "--ignore-eos", "--logprobs", "4"});
  REQUIRE(json["logprobs"].size() == 3);
  for (size_t i = 0; i < 3; i++) {
    const Json& entry = json["logprobs"][i];
    CHECK(entry["id"] == golden["greedy"][i]);
    REQUIRE(entry["top"].size() == 4);
    CHECK(entry["top"][0]["id"] == entry["id"]);
    CHECK(entry["top"][0]["logprob"] == entry["logprob"]);
    CHECK(entry["top"][0]["token"].is_string());
    CHECK(entry["top"][1]["logprob"] <= entry["top"][0]["logprob"]);
  }
}

TEST_CASE("generate: the context is a limit that is said") {
  const Json json = json_of({"-p", "abc", "-c", "8", "--ignore-eos"});
  CHECK(json["finish_reason"] == "context");
  CHECK(json["prompt_ids"].size() + json["ids"].size() == 8);
  const Outcome outcome = run(with({"--ids", "1,2,3,4,5,6,7,8,9", "-c", "8"}));
  CHECK(outcome.code == 1);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "the prompt is longer than the context (expected at most 8 tokens, found 9)"));
  CHECK(contains(outcome.err, "--context"));
  CHECK(contains(run({"next", "-m", model, "--ids", "1,2,3,4,5,6,7,8,9", "-c", "8"}).err, "--context"));
  // Learned positions end somewhere.
  const Outcome more = run(with({"-p", "abc", "-c", "5000", "-n", "1"}));
  CHECK(more.code == 0);
  CHECK(contains(more.err, "the context is 256 tokens"));
}

TEST_CASE("generate: ids need no tokenizer") {
  TempFolder folder;
  for (const char* file : {"config.json", "model.safetensors"})
    std::filesystem::copy(model + "/" + file, folder.path() / file);
  const Json golden = golden_case();
  const std::string path = folder.path().string(), ids = golden["ids"].dump();
  const Outcome outcome = run({"generate", "-m", path, "--ids", ids, "-n", "2", "--greedy", "--ignore-eos"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out == golden["greedy"][0].dump() + "," + golden["greedy"][1].dump() + "\n");
  CHECK(run({"generate", "-m", path, "--ids", ids, "--stop", "x"}).code == 1);
  const Outcome text = run({"generate", "-m", path, "-p", "x"});
  CHECK(text.code == 1);
  CHECK(contains(text.err, "tokenizer.json"));
}

TEST_CASE("generate: what generation_config.json says is used and told with -v") {
  TempFolder folder;
  std::filesystem::copy(model, folder.path(), std::filesystem::copy_options::recursive);
  const std::string path = folder.path().string();
  folder.write("generation_config.json", R"({"do_sample":true,"temperature":0.5,"num_beams":4})");
  const Outcome outcome = run({"generate", "-m", path, "-p", "a", "-n", "1", "-v"});
  CHECK(outcome.code == 0);
  for (const char* part : {"temp 0.5", "top-k 50", "num_beams is left to --beams", "seed ", "finish reason length"}) {
    CHECK(contains(outcome.err, part));
  }
  folder.write("generation_config.json", R"({"do_sample":true,"temperature":-0.5})");
  const Outcome bad = run({"generate", "-m", path, "-p", "a"});
  CHECK(bad.code == 1);
  CHECK(contains(bad.err, "generation_config.json: "));
  CHECK(contains(bad.err, "where: temperature; expected a number of at least 0, found -0.5"));
}

TEST_CASE("generate: Ctrl-C gives what is there and ends with 130") {
  const Outcome text =
      run({.arguments = with({"-p", "a", "-n", "100000000", "-c", "250", "--num", "1000000", "--seed", "1"}),
           .no_input = true,
           .when_it_speaks = [](int pid) { kill(pid, SIGINT); }});
  CHECK(text.code == 130);
  CHECK(text.out.ends_with("\n"));
  const Outcome json =
      run({.arguments = with({"-p", "a", "-n", "100000000", "-c", "250", "--num", "1000000", "--seed", "1", "--json"}),
           .no_input = true,
           .when_it_speaks = [](int pid) { kill(pid, SIGINT); }});
  CHECK(json.code == 130);
  std::istringstream lines(json.out);
  std::string line, last;
  while (std::getline(lines, line)) last = line;
  CHECK_NOTHROW(Json::parse(last));
}

TEST_CASE("generate: stats and quiet") {
  const Outcome stats = run(with({"-p", "a", "-n", "4", "--stats"}));
  CHECK(contains(stats.err, "tokens/s"));
  CHECK(run(with({"-p", "a", "-n", "4"})).err.empty());
  CHECK(run(with({"-p", "a", "-n", "4", "--samplers", "temp", "--top-k", "3", "-q"})).err.empty());
  CHECK(contains(run(with({"-p", "a", "-n", "4", "--samplers", "temp", "--top-k", "3"})).err, "--top-k has no effect"));
}

TEST_CASE("generate: speculation does not change the text") {
  const std::string ids = "5,6,7,8,9,5,6,7,8,9,5,6,7";
  const auto text = [&](std::vector<std::string> more) {
    std::vector<std::string> flags = {"--ids", ids, "-n", "60", "--temp", "0.2", "--seed", "9", "--ignore-eos"};
    flags.insert(flags.end(), more.begin(), more.end());
    return json_of(flags);
  };
  const Json plain = text({"--lookup", "0"});
  CHECK(plain["timing"]["drafted_tokens"] == 0);
  const Json looked_up = text({"--lookup", "6"});
  CHECK(looked_up["ids"] == plain["ids"]);
  CHECK(looked_up["timing"]["drafted_tokens"] > 0);
  CHECK(text({})["ids"] == plain["ids"]);
  const Json drafted = text({"--lookup", "0", "--draft", model, "--draft-tokens", "3"});
  CHECK(drafted["ids"] == plain["ids"]);
  CHECK(drafted["timing"]["drafted_tokens"] > 30);
  CHECK(drafted["timing"]["accepted_tokens"] == drafted["timing"]["drafted_tokens"]);
  CHECK(text({"--draft", model})["ids"] == plain["ids"]);
  const Outcome stats = run(
      with({"--ids", ids, "-n", "30", "--greedy", "--ignore-eos", "--draft", model, "--draft-tokens", "3", "--stats"}));
  CHECK(contains(stats.err, "drafted tokens were right (100 %)"));
}

TEST_CASE("generate: models that cannot draft or be drafted for") {
  const std::string folders = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/";
  const Outcome state = run({"generate", "-m", folders + "lfm2", "-p", "a", "-n", "4", "--greedy", "--lookup", "4"});
  CHECK(state.code == 0);
  CHECK(contains(state.err, "--lookup does nothing"));
  CHECK(run({"generate", "-m", folders + "lfm2", "-p", "a", "-n", "4", "--greedy"}).err.empty());
  const Outcome drafting = run(with({"-p", "a", "--draft", folders + "lfm2"}));
  CHECK(drafting.code == 1);
  CHECK(contains(drafting.err, "lfm2"));
  CHECK(drafting.out.empty());
  // Other tokens: both models are named, and the first difference.
  TempFolder folder;
  std::filesystem::copy(model, folder.path(), std::filesystem::copy_options::recursive);
  Json tokenizer = Json::parse(read_file(model + "/tokenizer.json"));
  const std::string first = tokenizer["model"]["vocab"].begin().key();
  tokenizer["model"]["vocab"]["another one"] = tokenizer["model"]["vocab"][first];
  tokenizer["model"]["vocab"].erase(first);
  tokenizer["model"]["merges"] = Json::array();
  folder.write("tokenizer.json", tokenizer.dump());
  const Outcome other = run(with({"-p", "a", "--draft", folder.path().string()}));
  CHECK(other.code == 1);
  CHECK(contains(other.err, folder.path().string() + ": its tokens are not those of " + model));
  CHECK(contains(other.err, "found \"another one\""));
}

TEST_CASE("generate: wrong flags") {
  for (const auto& [flags, part] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"-n", "-1"}, "of at least 0"},
           {{"--num", "0"}, "--num"},
           {{"--logprobs", "-1"}, "--logprobs"},
           {{"--lookup", "-1"}, "--lookup"},
           {{"--draft-tokens", "0"}, "--draft-tokens"},
           {{"--top-p", "1.5"}, "from 0 to 1"},
           {{"--min-tokens", "x"}, "--min-tokens"},
           {{"--ids", "1", "--stop"}, "--stop"},
           {{"--temperature", "1"}, "unknown flag"},
       }) {
    std::vector<std::string> arguments = with({"-p", "a"});
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome outcome = run(arguments);
    INFO(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.err, part));
  }
}
