// What a person who mistypes sees: exit code 2, nothing on standard output, and what is allowed.
#include <catch2/catch.hpp>

#include "cli/run.h"

using namespace foretell::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// One error line that holds `part`, exit code 2 and an empty standard output.
void check_usage_error(const Invocation& invocation, const std::string& part) {
  const Outcome outcome = run(invocation);
  INFO("stderr: " << outcome.err);
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
  REQUIRE(outcome.errors().size() == 1);
  CHECK(contains(outcome.err, part));
}

void check_usage_error(const std::vector<std::string>& arguments, const std::string& part) {
  check_usage_error({.arguments = arguments, .no_input = true}, part);
}

}  // namespace

TEST_CASE("foretell alone shows examples first") {
  const Outcome outcome = run(std::vector<std::string>{});
  CHECK(outcome.code == 0);
  CHECK(outcome.out.starts_with("  foretell "));
  CHECK(contains(outcome.out, "Commands:\n"));
  CHECK(outcome.err.empty());
}

TEST_CASE("help and version are results") {
  CHECK(contains(run({"--help"}).out, "Usage: foretell"));
  CHECK(run({"--help"}).code == 0);
  CHECK(run({"--version"}).out.starts_with("foretell "));
  CHECK(run({"--version"}).code == 0);
  CHECK(run({"completion", "--help"}).code == 0);
  CHECK(run({"help", "completion"}).out == run({"completion", "--help"}).out);
  CHECK(run({"help"}).out == run({"--help"}).out);
}

TEST_CASE("unknown commands and flags name the near ones") {
  check_usage_error({"complete"}, "unknown command \"complete\"\nforetell: hint: did you mean completion?");
  check_usage_error({"--jsn"}, "unknown flag --jsn");
  check_usage_error({"completion", "--hlep"},
                    "unknown flag --hlep of completion\nforetell: hint: did you mean --help?");
  check_usage_error({"completion", "bash", "more"}, "unexpected argument \"more\"");
  check_usage_error({"completion", "bsh"}, "expected one of bash, zsh, fish, found \"bsh\"");
  check_usage_error({"-q", "inspect", "gpt3"}, "\"-q\" stands before the command\nforetell: hint: flags follow it");
  check_usage_error({"inspect", "gpt3", "--json=maybe"},
                    "--json is a switch (expected no value, or true or false, found");
  check_usage_error({"inspect", "gpt3", "-c"}, "needs a value");
  check_usage_error({"completion"}, "expected one of bash, zsh, fish");
}
