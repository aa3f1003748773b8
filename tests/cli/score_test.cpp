// `score`: texts and endings with the default model.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/run.h"
#include "cli/tiny_model.h"

using namespace foretell::test;
using nlohmann::json;

namespace {

const std::string golden = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/";

json score(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"score", "--json"});
  const Outcome outcome = run(arguments);
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  return json::parse(outcome.out);
}

}  // namespace

TEST_CASE("the perplexity of a text is the reference's") {
  const json expected = json::parse(read_file(golden + "smollm2.json"))["perplexity"];
  const json seen = score({"-f", golden + "text.txt", "-n", "1024", "--precision", "exact"});
  CHECK(seen["perplexity"].get<double>() == Approx(expected["perplexity"].get<double>()).margin(0.005));
  CHECK(seen["mean_nll"].get<double>() == Approx(expected["mean_nll"].get<double>()).margin(1e-4));
  CHECK(seen["scored_tokens"] == 1023);
  REQUIRE(seen["logprobs"].size() == 1024);
  CHECK(seen["logprobs"][0].is_null());
  CHECK(seen["ranks"][0].is_null());
  double total = 0;
  for (size_t i = 1; i < 1024; i++) {
    const double logprob = seen["logprobs"][i];
    CHECK_FALSE(std::abs(logprob - expected["token_logprobs"][i - 1].get<double>()) > 2e-3);
    total += logprob;
  }
  CHECK(seen["bits_per_byte"].get<double>() ==
        Approx(-total / std::log(2.0) / seen["scored_bytes"].get<double>()).epsilon(1e-9));
  CHECK(seen["surprises"].size() == 20);
}

TEST_CASE("bits per byte count the bytes of the text that was scored") {
  // Three bytes a character, two or three tokens for each.
  const std::string text = "The \u9996\u90fd";
  const json seen = score({"-p", text});
  CHECK(seen["scored_bytes"] == text.size() - 3);
  const json ids = score({"--ids", "504,3575,282,4649,314,7042"});
  CHECK(ids["scored_bytes"] == std::string(" capital of France is Paris").size());
}

TEST_CASE("a text longer than the context is read in windows") {
  const std::vector<std::string> text = {"-f", golden + "text.txt", "-n", "200", "-c", "64"};
  auto with_stride = [&](const std::string& stride) {
    std::vector<std::string> arguments = text;
    arguments.insert(arguments.end(), {"--stride", stride});
    return score(arguments);
  };
  const json apart = with_stride("64");
  CHECK(apart["windows"] == 4);
  CHECK(apart["scored_tokens"] == 196);
  CHECK(apart["logprobs"][64].is_null());
  const json close = with_stride("8");
  CHECK(close["windows"] == 18);
  CHECK(close["scored_tokens"] == 199);
  CHECK(close["perplexity"] < apart["perplexity"]);
  CHECK(score(text)["windows"] == 6);  // half the context
  std::vector<std::string> too_far = {"score", "-p", "a b c", "-c", "4", "--stride", "5"};
  CHECK(run(too_far).code == 2);
}

TEST_CASE("score shows tokens in lines, or the text in colours") {
  const Outcome lines = run({"score", "-p", "The capital of France is Rome"});
  CHECK_THAT(lines.out, Catch::Contains("rather \u2423Paris") && Catch::Contains("bits a byte"));
  CHECK(lines.out.find('\033') == std::string::npos);
  const Outcome colours = run({"score", "-p", "The capital of France is Rome", "--color", "always"});
  CHECK_THAT(colours.out, Catch::Contains("rather \u2423Paris") && Catch::Contains("bits of surprise") &&
                              Catch::Contains("\033[30;48;5;215;4m Rome"));
  const TempFolder folder;
  write_tiny_model(folder);  // without a tokenizer
  const Outcome ids = run({"score", "-m", folder.path(), "--ids", "5,6,7"});
  CHECK_THAT(ids.out, Catch::Contains("#6"));
}

TEST_CASE("endings are compared") {
  const TempFolder folder;
  const std::string file = folder.write("endings.txt", "Rome\nParis\na banana\n");
  const json seen = score({"-p", "The capital of France is", "--endings", file});
  CHECK(seen["best"] == json({{"sum", 1}, {"token", 1}, {"byte", 1}, {"gain", 1}}));
  const json& banana = seen["endings"][2];
  CHECK(banana["text"] == " a banana");
  REQUIRE(banana["ids"].size() == 2);
  CHECK(banana["per_token"].get<double>() == Approx(banana["logprob"].get<double>() / 2));
  CHECK(banana["per_byte"].get<double>() == Approx(banana["logprob"].get<double>() / 9));
  CHECK(banana["gain"].get<double>() ==
        Approx(banana["logprob"].get<double>() - banana["unconditional"].get<double>()));
  const json whole = score({"-p", "The capital of France is a banana"});
  CHECK(banana["logprob"].get<double>() ==
        Approx(whole["logprobs"][5].get<double>() + whole["logprobs"][6].get<double>()).margin(1e-6));
  // Behind another text than the model's first token.
  const json baseline = score({"-p", "The capital of France is", "--endings", file, "--baseline", "It is"});
  CHECK(baseline["endings"][0]["unconditional"].get<double>() ==
        Approx(score({"-p", "It is Rome"})["logprobs"][2].get<double>()).margin(1e-6));
  const Outcome table = run({"score", "-p", "The capital of France is", "--endings", file});
  CHECK(table.out.find("Paris") < table.out.find("Rome"));
}

TEST_CASE("questions with labels have an accuracy and its error") {
  const TempFolder folder;
  const std::string file =
      folder.write("q.jsonl", R"({"ctx":"The capital of France is","endings":["Paris.","Rome."],"label":0}
{"ctx":"She opened the door and","endings":["the of and.","walked in."],"label":"1"}
{"ctx":"Two plus two is","endings":["four","a hundred elephants"],"label":1}
{"ctx":"I am","endings":["here","there"]}
)");
  const json seen = score({"--endings", file});
  CHECK(seen["questions"] == 4);
  CHECK(seen["labelled"] == 3);
  CHECK(seen["accuracy"]["sum"]["accuracy"].get<double>() == Approx(2.0 / 3));
  CHECK(seen["accuracy"]["sum"]["standard_error"].get<double>() == Approx(1.0 / 3));
  CHECK(seen["results"].size() == 4);
  CHECK(seen["results"][1]["best"]["byte"] == 1);
  CHECK_THAT(run({"score", "--endings", file, "--limit", "2"}).out,
             Catch::StartsWith("2 questions\n") && Catch::Contains("100.00 % \u00b1 0.00"));
}

TEST_CASE("what cannot be scored is an error") {
  const TempFolder folder;
  const std::string empty = folder.write("empty.txt", ""), lines = folder.write("lines.txt", "a\n"),
                    broken = folder.write("broken.jsonl", "{\"ctx\":\"a\"}\n");
  const auto code = [](const std::vector<std::string>& arguments) {
    const Outcome outcome = run(arguments);
    CHECK(outcome.out.empty());
    CHECK(outcome.errors().size() == 1);
    return outcome.code;
  };
  CHECK(code({"score"}) == 2);
  CHECK(code({"score", "-p", "Hi", "--stride", "0"}) == 2);
  CHECK(code({"score", "-p", "Hi", "-n", "1"}) == 2);
  CHECK(code({"score", "-p", "Hi there", "-c", "1"}) == 2);
  CHECK(code({"score", "--ids", "1,99999"}) == 2);
  CHECK(code({"score", "-p", "The"}) == 1);
  CHECK(code({"score", "-p", "a", "--endings", empty}) == 1);
  CHECK(code({"score", "--endings", lines}) == 2);
  CHECK(code({"score", "--endings", broken}) == 1);
  CHECK(code({"score", "--endings", "missing.txt"}) == 1);
}
