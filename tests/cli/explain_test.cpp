// `explain` as a person and a program use it.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/run.h"

using namespace foretell::test;
using nlohmann::json;

namespace {

const std::vector<std::string> france = {"explain", "-p", "The capital of France is"};

std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

TEST_CASE("explain: the trace as JSON") {
  const Outcome outcome = run(with(france, {"--json", "--layers", "0,28-29"}));
  REQUIRE(outcome.code == 0);
  const json found = json::parse(outcome.out);
  CHECK(found["tokens"].size() == 5);
  CHECK(found["final"][0]["token"] == " Paris");
  REQUIRE(found["layers"].size() == 3);
  const json& last = found["layers"][2];
  CHECK(last["lens"] == found["final"]);
  CHECK(last["residual_norm"].size() == 5);
  REQUIRE(last["attention"].size() == 9);
  for (const json& head : last["attention"])
    for (size_t q = 0; q < head.size(); q++) {
      double sum = 0;
      for (const json& weight : head[q]) sum += weight.get<double>();
      CHECK(sum == Approx(1).margin(1e-4));
      for (size_t k = q + 1; k < head.size(); k++) CHECK(head[q][k] == 0);
    }
  double sum = 0;
  for (const json& part : found["attribution"]) sum += part["logit"].get<double>();
  CHECK(std::abs(sum - found["attribution_total"].get<double>()) < 1e-3);
}

TEST_CASE("explain: what if, in 80 columns") {
  const Outcome outcome = run(with(france, {"--contrast", "Paris,Rome", "--ablate", "L29.MLP", "--layers", "29"}));
  REQUIRE(outcome.code == 0);
  CHECK(outcome.out.find("without L29.MLP; with it: ␣Paris") != std::string::npos);
  CHECK(outcome.out.find("Why ␣Paris and not ␣Rome") != std::string::npos);
}

TEST_CASE("explain: a page that needs nothing else") {
  const TempFolder folder;
  const auto page = folder.path() / "page.html";
  REQUIRE(run(with(france, {"-o", page.string()})).code == 0);
  const std::string html = read_file(page);
  CHECK(html.size() < 3'000'000);
  CHECK(html.find("http://www.w3.org/2000/svg") != std::string::npos);  // a name, the only address
  CHECK(html.find("https://") == std::string::npos);
  CHECK(html.find("src=") == std::string::npos);
  const std::string begin = "<script type=\"application/json\" id=\"data\">";
  const size_t at = html.find(begin) + begin.size();
  const json data = json::parse(html.substr(at, html.find("</script>", at) - at));
  CHECK(data["layers"].size() == 30);
  CHECK(data["near"].size() == 5);
  CHECK(data["layers"][0]["attention"].get<std::string>().size() == 9 * 15 * 2 * 4 / 3);
}

TEST_CASE("explain: wrong parts, words and prompts") {
  CHECK(run(with(france, {"--ablate", "L5.Q"})).code == 2);
  CHECK(run(with(france, {"--ablate", "L99"})).code == 1);
  CHECK(run(with(france, {"--layers", "30"})).code == 2);
  CHECK(run(with(france, {"--contrast", "Paris"})).code == 2);
  CHECK(run(with(france, {"--contrast", "Paris,Konstantinopel"})).code == 2);
  const Outcome outcome = run(with(france, {"--versus", "Rome is"}));
  CHECK(outcome.code == 1);
  CHECK(outcome.err.find("not as many tokens") != std::string::npos);
}
