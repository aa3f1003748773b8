// `generate --batch-lines`, --session and --prompt-cache as a person uses them.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run.h"

using namespace foretell::test;
using Json = nlohmann::json;

namespace {

const std::string model = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/llama";

Outcome generate(std::vector<std::string> flags, const std::string& input = {}) {
  flags.insert(flags.begin(), {"generate", "-m", model});
  return run({.arguments = flags, .input = input, .no_input = input.empty()});
}

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  return lines;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string some_lines = R"({"id": "first", "prompt": "a text", "max_tokens": 9, "seed": 5, "temperature": 2}
{"prompt": "another", "max_tokens": 3, "greedy": true}

{"id": 7, "ids": [5, 6, 7], "top_k": 3, "seed": 1, "ignore_eos": true}
not JSON
{"id": "long", "ids": [1], "max_tokens": 4, "temperature": "hot"}
{"prompt": "x", "topk": 3}
{"prompt": "x", "ids": [1]}
{"prompt": "the last", "stop": ["e", "qqq"], "seed": 2, "temperature": 3}
)";

}  // namespace

TEST_CASE("generate --batch-lines: each line as alone, in order, what fails says so") {
  const Outcome outcome = generate({"--batch-lines", "-n", "12", "--seed", "30"}, some_lines);
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const std::vector<Json> lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 8);
  const std::vector<int> numbers = {1, 2, 4, 5, 6, 7, 8, 9};
  for (size_t i = 0; i < lines.size(); i++) CHECK(lines[i]["line"] == numbers[i]);
  CHECK(lines[0]["id"] == "first");
  CHECK(lines[2]["id"] == 7);
  CHECK_FALSE(lines[1].contains("id"));
  const auto alone = [](std::vector<std::string> flags) {
    flags.emplace_back("--json");
    return Json::parse(generate(flags).out);
  };
  const std::vector<std::pair<size_t, Json>> expected = {
      {0, alone({"-p", "a text", "-n", "9", "--seed", "5", "--temp", "2"})},
      {1, alone({"-p", "another", "-n", "3", "--greedy"})},
      {2, alone({"--ids", "5,6,7", "-n", "12", "--top-k", "3", "--seed", "1", "--ignore-eos"})},
      {7, alone({"-p", "the last", "-n", "12", "--stop", "e", "--stop", "qqq", "--seed", "2", "--temp", "3"})}};
  for (const auto& [at, json] : expected) {
    CAPTURE(at);
    for (const char* key : {"prompt_ids", "ids", "text", "finish_reason"}) CHECK(lines[at][key] == json[key]);
  }
  CHECK(lines[1]["seed"] == 31);  // --seed and the line's number
  const auto message = [&](size_t at) { return lines[at]["error"]["message"].get<std::string>(); };
  CHECK(contains(message(3), "not JSON"));
  CHECK(lines[4]["id"] == "long");
  CHECK(contains(message(4), "where: temperature; expected a number of at least 0, found \"hot\""));
  CHECK(contains(message(5), "unknown key"));
  CHECK(contains(message(5), "found \"topk\""));
  CHECK(contains(message(6), "more than one prompt"));
  CHECK(contains(outcome.err, "standard input, line 5: "));
  CHECK(contains(outcome.err, "4 lines failed"));
}

TEST_CASE("generate --batch-lines: what the output has already is not written again") {
  const TempFolder folder;
  const std::string in = folder.write("in.jsonl", some_lines).string(), out = (folder.path() / "out.jsonl").string();
  const std::vector<std::string> flags = {"--batch-lines", "-f", in, "-o", out, "-n", "12", "--seed", "30"};
  const auto without_times = [&] {
    std::vector<Json> lines = lines_of(read_file(out));
    for (Json& line : lines) line.erase("timing");
    return lines;
  };
  const Outcome first = generate(flags);
  CHECK(first.code == 0);
  CHECK(first.out.empty());
  const std::string text = read_file(out);
  const std::vector<Json> whole = without_times();
  REQUIRE(whole.size() == 8);
  CHECK(generate(flags).code == 0);
  CHECK(read_file(out) == text);  // nothing was left to do
  // Broken off within the third line.
  size_t end = 0;
  for (int i = 0; i < 2; i++) end = text.find('\n', end) + 1;
  folder.write("out.jsonl", text.substr(0, end + 20));
  const Outcome again = generate(flags);
  CHECK(contains(again.err, "2 lines are in"));
  CHECK(read_file(out).substr(0, end) == text.substr(0, end));
  CHECK(without_times() == whole);
  // Of another input.
  folder.write("out.jsonl", text.substr(text.find('\n') + 1));
  const Outcome other = generate(flags);
  CHECK(other.code == 1);
  CHECK(contains(other.err, "not that of this input (where: line 1; expected {\"line\":1,\"id\":\"first\"}"));
  folder.write("out.jsonl", text + text);
  CHECK(contains(generate(flags).err, "more lines than the input"));
}

TEST_CASE("generate --batch-lines: conversations are those of chat, beside other lines") {
  const TempFolder folder;
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors"})
    folder.write(name, read_file(model + "/" + name));
  folder.write("chat_template.jinja",
               "{% if tools %}[{{ tools[0].name }}]{% endif %}{% for m in messages %}<{{ m.role }}>{{ m.content }}\n"
               "{% endfor %}{{ mood }}{% if add_generation_prompt %}<assistant>{% endif %}");
  const std::string with_template = folder.path().string();
  const std::string messages = R"([{"role":"system","content":"be brief"},{"role":"user","content":"a text"}])";
  const std::string tools = R"([{"name":"look_up"}])";
  const std::string input = R"({"messages":)" + messages + "}\n" + R"({"id":1,"tools":)" + tools +
                            R"(,"template_args":{"mood":"calm"},"messages":)" + messages +
                            R"(,"seed":9,"temperature":2})" + "\n" + R"({"prompt":"a text","token_healing":true})" +
                            "\n" + R"({"messages":"a text"})" + "\n" + R"({"messages":["a text"]})" + "\n" +
                            R"({"messages":[],"prompt":"a"})" + "\n" + R"({"prompt":"a","tools":[]})" + "\n" +
                            R"({"messages":[],"token_healing":true})" + "\n" + R"({"prompt":"a"})" + "\n";
  const Outcome outcome =
      run({.arguments = {"generate", "-m", with_template, "--batch-lines", "-n", "8", "--seed", "3"}, .input = input});
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const std::vector<Json> lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 9);
  const auto chat = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {
        "chat", "-m", with_template, "--messages", folder.write("messages.json", messages).string(),
        "-n",   "8",  "--json"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome answer = run(arguments);
    INFO(answer.err);
    REQUIRE(answer.code == 0);
    return Json::parse(answer.out);
  };
  const std::string tools_file = folder.write("tools.json", tools).string();
  for (const auto& [at, expected] : std::vector<std::pair<size_t, Json>>{
           {0, chat({"--seed", "3"})},
           {1, chat({"--tools", tools_file, "--template-arg", "mood=calm", "--seed", "9", "--temp", "2"})}}) {
    CAPTURE(at);
    for (const char* key : {"prompt_ids", "ids", "text", "message", "finish_reason"})
      CHECK(lines[at][key] == expected[key]);
  }
  CHECK(lines[0]["prompt_ids"].size() + 5 < lines[1]["prompt_ids"].size());
  const Json healed = Json::parse(
      run({"generate", "-m", model, "-p", "a text", "--token-healing", "-n", "8", "--seed", "5", "--json"}).out);
  for (const char* key : {"prompt_ids", "ids", "text"}) CHECK(lines[2][key] == healed[key]);
  for (const auto& [at, message] : std::vector<std::pair<size_t, std::string>>{
           {3, "where: messages; expected a list of objects, found \"a text\""},
           {4, "where: messages; expected a list of objects, found [\"a text\"]"},
           {5, "more than one prompt"},
           {6, "where: tools; expected \"messages\" beside it"},
           {7, "where: token_healing; expected false"}}) {
    CAPTURE(at);
    CHECK(contains(lines[at]["error"]["message"], message));
  }
  CHECK(lines[8].contains("text"));
}

TEST_CASE("generate --batch-lines: a template that refuses, and none") {
  const std::string line = R"({"messages":[{"role":"user","content":"a"}]})"
                           "\n"
                           R"({"prompt":"a"})"
                           "\n";
  const TempFolder folder;
  const std::string file = folder.write("no.jinja", "{{ raise_exception('never') }}").string();
  for (const auto& [flags, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "the model has no chat template"},
           {{"--template", file}, "never"},
           {{"--template", file + "x"}, "cannot be opened"}}) {
    std::vector<std::string> all = {"--batch-lines", "-n", "2"};
    all.insert(all.end(), flags.begin(), flags.end());
    const Outcome outcome = generate(all, line);
    INFO(outcome.err);
    CHECK(outcome.code == 0);
    const std::vector<Json> lines = lines_of(outcome.out);
    REQUIRE(lines.size() == 2);
    CHECK(contains(lines[0]["error"]["message"], message));
    CHECK(lines[1].contains("text"));
  }
}

TEST_CASE("generate --batch-lines: wrong flags") {
  for (const auto& flags : std::vector<std::vector<std::string>>{{"--batch-lines", "-p", "x"},
                                                                 {"--batch-lines", "--num", "2"},
                                                                 {"--batch-lines", "--session", "x"},
                                                                 {"-p", "x", "-o", "file"},
                                                                 {"-p", "x", "--batch-size", "0"},
                                                                 {"-p", "x", "--num", "2", "--session", "x"},
                                                                 {"-p", "x", "--max-time", "-1"}}) {
    const Outcome outcome = generate(flags);
    INFO(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
  }
}

TEST_CASE("generate --session: goes on as the unbroken text") {
  const TempFolder folder;
  const std::string file = (folder.path() / "a.session").string();
  const auto json = [](const std::vector<std::string>& flags) { return Json::parse(generate(flags).out); };
  const std::vector<std::string> common = {"--temp", "2", "--ignore-eos", "--json"};
  const auto with = [&](std::vector<std::string> flags) {
    flags.insert(flags.end(), common.begin(), common.end());
    return json(flags);
  };
  const Json whole = with({"-p", "a text", "-n", "30", "--seed", "4"});
  const Json first = with({"-p", "a text", "-n", "12", "--seed", "4", "--session", file});
  const Json second = with({"-n", "18", "--session", file});
  CHECK(second["seed"] == 4);
  CHECK(second["timing"]["prefill_tokens"] == 1);
  Json ids = first["ids"];
  for (const Json& id : second["ids"]) ids.push_back(id);
  CHECK(ids == whole["ids"]);
  // More text after it.
  const Json third = with({"-p", "xyz", "-n", "1", "--session", file});
  CHECK(third["prompt_ids"].size() > whole["prompt_ids"].size() + 30);
  // Nothing is kept of a session that is refused, and the file stays.
  const Outcome other = run(
      {"generate", "-m", std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/qwen3", "-p", "a", "--session", file});
  CHECK(other.code == 1);
  CHECK(contains(other.err, file + ": the session was made with another model"));
  const std::string broken = folder.write("broken.session", read_file(file).substr(0, 1000)).string();
  const Outcome refused = generate({"-p", "a", "--session", broken});
  CHECK(refused.code == 1);
  CHECK(contains(refused.err, "damaged"));
  CHECK(read_file(broken).size() == 1000);
}

TEST_CASE("generate --prompt-cache: a prompt that begins alike is not read again") {
  const TempFolder folder;
  const std::string file = (folder.path() / "p.cache").string();
  const auto json = [&](const std::string& ids, bool cached) {
    std::vector<std::string> flags = {"--ids", ids, "-n", "8", "--temp", "2", "--seed", "3", "--json", "--stats"};
    if (cached) flags.insert(flags.end(), {"--prompt-cache", file});
    const Outcome outcome = generate(flags);
    INFO(outcome.err);
    REQUIRE(outcome.code == 0);
    Json result = Json::parse(outcome.out);
    result["told"] = outcome.err;
    return result;
  };
  for (const auto& [ids, shared, read] : std::vector<std::tuple<std::string, int, int>>{
           {"1,2,3,4,5,6,7,8", 0, 8}, {"1,2,3,4,5,6,7,8", 7, 1}, {"1,2,3,4,5,9,9", 5, 2}, {"1,2,3", 2, 1}}) {
    CAPTURE(ids);
    const Json cached = json(ids, true);
    CHECK(cached["ids"] == json(ids, false)["ids"]);
    CHECK(cached["timing"]["prefill_tokens"] == read);
    CHECK(contains(cached["told"], std::to_string(shared) + " of "));
  }
  const Outcome many = generate(
      {"--ids", "1,2,3,4", "-n", "2", "--num", "3", "--seed", "1", "--temp", "2", "--json", "--prompt-cache", file});
  CHECK(many.code == 0);
  CHECK(lines_of(many.out).size() == 3);
}

TEST_CASE("generate: --max-time ends the text") {
  const Outcome outcome =
      generate({"-p", "a", "-n", "100000000", "-c", "1000000", "--max-time", "0.2", "--ignore-eos", "--json"});
  CHECK(outcome.code == 0);
  const Json json = Json::parse(outcome.out);
  CHECK(json["out_of_time"] == true);
  CHECK(json["finish_reason"] == "length");
}
