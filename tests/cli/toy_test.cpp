#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "cli/run.h"

using namespace foretell::test;

namespace {

const std::string toy = std::string(FORETELL_SOURCE_DIR) + "/models/toy";

// By the word: what `next` says of the word after "cats chase".
std::map<std::string, nlohmann::json> candidates(const std::string& prompt) {
  const Outcome outcome = run({"next", "-m", toy, "-p", prompt, "--precision", "exact", "--json"});
  REQUIRE(outcome.code == 0);
  std::map<std::string, nlohmann::json> found;
  const auto document = nlohmann::json::parse(outcome.out);
  for (const auto& candidate : document.at("candidates"))
    found[candidate.at("token").get<std::string>()] = candidate;
  return found;
}

}  // namespace

TEST_CASE("the toy's page has the numbers that the program computes") {
  const std::string page = read_file(toy + "/README.md");
  const auto found = candidates("cats chase");
  REQUIRE(found.size() == 4);
  const std::regex table(R"(\| (cats|dogs|chase|mice) \| ([0-9.]+) \| ([0-9.]+) \|)");
  const std::regex logits(R"(    (cats|dogs|chase|mice) +-?[0-9] +-?[0-9] +(-?[0-9.]+)\n)");
  int rows = 0, lines = 0;
  for (std::sregex_iterator it(page.begin(), page.end(), table), end; it != end; ++it, rows++) {
    const nlohmann::json& candidate = found.at((*it)[1]);
    CHECK(std::stod((*it)[2]) == Approx(std::exp(candidate.at("logit").get<double>())).margin(6e-5));
    CHECK(std::stod((*it)[3]) == Approx(candidate.at("probability").get<double>()).margin(6e-5));
  }
  for (std::sregex_iterator it(page.begin(), page.end(), logits), end; it != end; ++it, lines++)
    CHECK(std::stod((*it)[2]) == Approx(found.at((*it)[1]).at("logit").get<double>()).margin(6e-5));
  CHECK(rows == 4);
  CHECK(lines == 4);
  CHECK(candidates("dogs chase").at("cats").at("probability").get<double>() == Approx(0.9142).margin(6e-5));
}

TEST_CASE("the toy's page shows what the program prints") {
  const std::string page = read_file(toy + "/README.md"), command = "$ foretell next -m toy -p \"cats chase\"\n";
  const size_t start = page.find(command);
  REQUIRE(start != std::string::npos);
  const Outcome outcome = run({"next", "-m", toy, "-p", "cats chase"});
  std::istringstream shown(page.substr(start + command.size()));
  std::string line;
  int lines = 0;
  for (; std::getline(shown, line) && line.starts_with("    "); lines++)
    CHECK_THAT(outcome.out, Catch::Contains(line.substr(4)));
  CHECK(lines == 5);
}

TEST_CASE("the toy becomes a folder of safetensors that says the same") {
  const TempFolder temp;
  const std::string out = temp.path() / "out";
  REQUIRE(run({"convert", toy, "-o", out, "-q"}).code == 0);
  const auto next = [&](const std::string& model) {
    return run({"next", "-m", model, "-p", "dogs chase", "--json"}).out;
  };
  CHECK(next(out) == next(toy));
}
