#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/run.h"

using namespace foretell::test;
using Json = nlohmann::json;

namespace {

const std::string model = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/arch/gpt2";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Outcome next_of(const std::string& logits, std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"next", "--logits", "-"});
  return run({.arguments = flags, .input = logits});
}

Json json_of(const std::string& logits, std::vector<std::string> flags = {}) {
  flags.emplace_back("--json");
  const Outcome outcome = next_of(logits, flags);
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  return Json::parse(outcome.out);
}

}  // namespace

TEST_CASE("next: probabilities of given logits") {
  // exp: 1, 2, 1, 4 of 8.
  const Json json = json_of(R"({"logits":[0, 0.69314718056, 0, 1.38629436112]})");
  REQUIRE(json["candidates"].size() == 4);
  const std::vector<int> ids = {3, 1, 0, 2};
  const std::vector<double> probabilities = {0.5, 0.25, 0.125, 0.125};
  for (size_t i = 0; i < 4; i++) {
    const Json& c = json["candidates"][i];
    CHECK(c["rank"] == i + 1);
    CHECK(c["id"] == ids[i]);
    CHECK(c["probability"].get<double>() == Approx(probabilities[i]).epsilon(1e-6));
    CHECK(c["logprob"].get<double>() == Approx(std::log(probabilities[i])).epsilon(1e-6));
    CHECK(c["final_probability"] == c["probability"]);
    CHECK(c["token"] == "");
  }
  CHECK(json["entropy_bits"].get<double>() == Approx(1.75).epsilon(1e-6));
  CHECK(json["stages"].empty());
  CHECK(json["prompt_ids"].empty());
  CHECK_FALSE(json.contains("draw"));
}

TEST_CASE("next: the stages in their order, and what they leave") {
  const std::string logits = R"({"logits":[0, 0.69314718056, 0, 1.38629436112], "history":[3]})";
  const Json json = json_of(logits, {"-k", "0", "--repetition-penalty", "2", "--top-k", "1", "--seed", "5"});
  // The penalty halves the best logit: 1 and 3 are equal then, and top-k keeps both.
  CHECK(json["prompt_ids"] == Json{3});
  REQUIRE(json["stages"].size() == 2);
  CHECK(json["stages"][0] == Json{{"name", "repetition-penalty"}, {"kept", 4}});
  CHECK(json["stages"][1] == Json{{"name", "top-k"}, {"kept", 2}});
  CHECK(json["candidates"][0]["final_probability"].get<double>() == Approx(0.5).epsilon(1e-6));
  CHECK(json["candidates"][2]["final_probability"] == 0);
  CHECK(json["candidates"][2]["cut_by"] == "top-k");
  const Json& draw = json["draw"];
  CHECK(draw["id"] == (draw["random"] < 0.5 ? 1 : 3));
  CHECK(draw["from"] <= draw["random"]);
  CHECK(draw["random"] < draw["to"]);
  // An order of one's own.
  const Json other = json_of(logits, {"--samplers", "top-k,temp", "--temp", "0.5", "--top-k", "2"});
  CHECK(other["stages"][0]["name"] == "top-k");
  CHECK(other["stages"][1]["name"] == "temp");
  CHECK(other["candidates"][0]["final_probability"].get<double>() == Approx(0.8).epsilon(1e-6));
}

TEST_CASE("next: logits of -infinity, and how many are listed") {
  const std::string logits = R"({"logits":[0, "-inf", 1]})";
  const Json json = json_of(logits, {"-k", "0"});
  REQUIRE(json["candidates"].size() == 3);
  CHECK(json["candidates"][2]["id"] == 1);
  CHECK(json["candidates"][2]["probability"] == 0);
  CHECK(json["candidates"][2]["logit"].is_null());
  CHECK(json_of(logits, {"-k", "2"})["candidates"].size() == 2);
  CHECK(json_of(logits, {"-k", "500"})["candidates"].size() == 3);
}

TEST_CASE("next: files of logits that are none") {
  const auto refusal = [](const std::string& text, const std::string& part) {
    const Outcome outcome = next_of(text, {});
    INFO(outcome.err);
    CHECK(outcome.code == 1);
    CHECK(outcome.out.empty());
    REQUIRE(outcome.errors().size() == 1);
    CHECK(contains(outcome.errors()[0], part));
  };
  refusal("", "not valid JSON");
  refusal("[1,2]", "logits");
  refusal(R"({"logits":3})", "expected a list");
  refusal(R"({"logits":[1,"x"]})", "entry 1");
  refusal(R"({"logits":[1,null]})", "entry 1");
  refusal(R"({"logits":[1,1e39]})", "entry 1");
  refusal(R"({"logits":[1,1e999]})", "JSON");
  refusal(R"({"logits":[1],"history":[-1]})", "history");
  refusal(R"({"logits":["-inf","-inf"]})", "no token can come next");
  refusal(R"({"logits":[]})", "no token can come next");
  const Outcome json = next_of("[1]", {"--json"});
  CHECK(json.code == 1);
  CHECK(Json::parse(json.out)["error"]["where"] == "logits");
}

TEST_CASE("next: a table that a person reads") {
  const Outcome outcome =
      run({"next", "-m", model, "--ids", "0,5,77,200,13", "-k", "3", "--top-k", "2", "--seed", "1"});
  INFO(outcome.err << outcome.out);
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  CHECK(contains(outcome.out, "█"));
  CHECK(contains(outcome.out, "entropy "));
  CHECK(contains(outcome.out, "by top-k"));
  CHECK(contains(outcome.out, "318 cut"));
  CHECK(contains(outcome.out, "drawn: "));
  CHECK_FALSE(contains(outcome.out, "\033"));
  CHECK(contains(run({"next", "-m", model, "-p", "a", "--color", "always"}).out, "\033["));
}

TEST_CASE("next: a draw is shown on a ruler that the tokens share out") {
  // Two quarters, a half, and two tokens too small for a mark.
  const std::string logits = R"({"logits":[0, 0, 0.69314718056, -12, -12]})";
  const std::string line = "─", three = line + line + line, six = three + three;
  const std::string quarter_left = "├" + six, quarter_right = six + line + "┤";
  const std::string ruler = "\n0 " + quarter_left + " #0 " + quarter_right + quarter_left + " #1 " + quarter_right +
                            "├" + six + six + three + line + " #2 " + six + six + three + line + "┤ 1\n";
  for (const char* seed : {"1", "2", "3"}) {
    const std::string out = next_of(logits, {"--seed", seed, "--temp", "1"}).out;
    INFO(out);
    const size_t at = out.find(ruler);
    REQUIRE(at != std::string::npos);
    const size_t arrow = out.find("▲", at) - (at + ruler.size());  // columns before it
    const double random = std::stod(out.substr(out.find("drawn: ") + 7));
    CHECK(arrow == 2 + static_cast<size_t>(random * 76));
  }
  const std::string one = next_of(logits, {"--seed", "1", "--temp", "1", "--top-k", "1", "--color", "always"}).out;
  CHECK(contains(one, "\n0 \033[1;36m├─"));
  CHECK_FALSE(contains(next_of(logits, {"--temp", "1"}).out, "▲"));
}

TEST_CASE("next: a model's tokens have their text, and their bytes where it is no UTF-8") {
  const Outcome outcome = run({"next", "-m", model, "-p", "ab", "-k", "0", "--json"});
  REQUIRE(outcome.code == 0);
  const Json json = Json::parse(outcome.out);
  REQUIRE(json["candidates"].size() == 320);
  double sum = 0;
  int broken = 0;
  for (const Json& c : json["candidates"]) {
    sum += c["probability"].get<double>();
    if (!c.contains("bytes")) continue;
    broken++;
    CHECK(contains(c["token"], "\xef\xbf\xbd"));
    CHECK(c["bytes"].size() >= 1);
  }
  CHECK(sum == Approx(1).epsilon(1e-12));
  CHECK(broken == 128);  // the bytes from 0x80 on, each a token of its own
}

TEST_CASE("next: wrong flags") {
  const auto usage = [](std::vector<std::string> flags, const std::string& part) {
    flags.insert(flags.begin(), {"next", "-p", "x"});
    const Outcome outcome = run(flags);
    INFO(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.err, part));
  };
  usage({"-k", "-1"}, "of at least 0");
  usage({"--top-p", "7"}, "a number from 0 to 1");
  usage({"--top-p", "nan"}, "--top-p");
  usage({"--temp", "-0.1"}, "--temp");
  usage({"--top-k", "2.5"}, "--top-k");
  usage({"--repetition-penalty", "0"}, "above 0");
  usage({"--samplers", "top-k,topp"}, "unknown sampler");
  usage({"--samplers", "temp,temp"}, "twice");
  usage({"--logit-bias", "5"}, "ID=BIAS");
  usage({"--logit-bias", "x=5"}, "--logit-bias");
  usage({"--suppress", "1,-2"}, "--suppress");
  usage({"--logits", "file"}, "--logits");
}
