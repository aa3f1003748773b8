// Where results go and how a run ends: full disks, closed pipes, Ctrl-C, colour, quiet.
#include <catch2/catch.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "cli/run.h"

using namespace foretell::test;

namespace {

const std::string model = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/tokenizers/bytelevel_gpt2";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a result that cannot be written is an error") {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"tokenize", "-p", "hi", "-m", model},
                                                    {"tokenize", "--json", "-p", "hi", "-m", model},
                                                    {"completion", "bash"},
                                                    {"--help"},
                                                    {"--version"},
                                                    {}}) {
    const Outcome outcome = run({.arguments = arguments, .no_input = true, .output_file = "/dev/full"});
    CHECK(outcome.code == 1);
    REQUIRE(outcome.errors().size() == 1);
    CHECK(contains(outcome.err, "standard output: cannot write the result (found No space left on device)"));
  }
  CHECK(shell("$FORETELL --version >&-").code == 1);
}

TEST_CASE("a reader who leaves ends the program quietly") {
  const Outcome outcome = shell("set -o pipefail; $FORETELL completion bash | head -1");
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  // More than a pipe holds.
  const Outcome large = shell("set -o pipefail; head -c 400000 /dev/zero | tr '\\0' 'a ' | $FORETELL tokenize -m " +
                              model + " | head -1");
  CHECK(large.code == 0);
  CHECK(large.err.empty());
}

TEST_CASE("closed standard streams are survived") {
  CHECK(shell("$FORETELL --version <&-").code == 0);
  CHECK(shell("$FORETELL --version 2>&-").code == 0);
  CHECK(shell("$FORETELL tokenize -m " + model + " <&-").code == 2);  // no text
}

TEST_CASE("Ctrl-C exits with 130") {
  const Outcome outcome =
      run({.arguments = {"tokenize", "-v", "-m", model}, .open_input = true, .when_it_speaks = [](int pid) {
             kill(pid, SIGINT);
           }});
  CHECK_FALSE(outcome.late);
  CHECK(outcome.signal == 0);
  CHECK(outcome.code == 130);
  CHECK(outcome.out.empty());
  CHECK(outcome.errors().empty());
}

TEST_CASE("with -v it says more and with -q nothing but errors") {
  CHECK(contains(run({.arguments = {"tokenize", "-v", "-m", model}, .input = "hi"}).err, "foretell: debug: "));
  CHECK(run({.arguments = {"tokenize", "-m", model}, .input = "hi"}).err.empty());
  const Outcome quiet = run({"tokenize", "-q", "-p", "hi", "-m", "/nonexistent/model"});
  CHECK(quiet.code == 1);
  CHECK(quiet.errors().size() == 1);
  CHECK_FALSE(contains(quiet.err, "hint"));
  CHECK(run({"tokenize", "-q", "-v", "-p", "hi", "-m", model}).code == 2);
}

TEST_CASE("colour is for terminals, or where it is asked for") {
  const auto colored = [](const Outcome& outcome) {
    REQUIRE(outcome.code == 0);
    return contains(outcome.out, "\033[");
  };
  const std::vector<std::string> tokenize = {"tokenize", "-p", "hi", "-m", model};
  const auto with = [&](std::vector<std::string> more, std::map<std::string, std::string> environment) {
    more.insert(more.begin(), tokenize.begin(), tokenize.end());
    return run({.arguments = more, .no_input = true, .environment = std::move(environment)});
  };
  CHECK_FALSE(colored(with({}, {{"TERM", "xterm"}})));
  CHECK(colored(with({"--color", "always"}, {})));
  CHECK(colored(with({"--color", "always"}, {{"NO_COLOR", "1"}})));
  CHECK_FALSE(colored(with({"--color", "never"}, {})));
}

TEST_CASE("on a terminal") {
  // script(1) gives the program a terminal.
  const std::string tokenize = " $FORETELL tokenize -p 'hi there' -m " + model;
  const auto on_terminal = [&](const std::string& command) {
    return shell("script -qec \"" + command + "\" /dev/null </dev/null");
  };
  if (shell("command -v script").code != 0) {
    WARN("no script(1): terminals are not tested");
    return;
  }
  const Outcome plain = on_terminal("TERM=xterm" + tokenize);
  CHECK(plain.code == 0);
  CHECK(contains(plain.out, "\033["));
  CHECK(contains(plain.out, " tokens, 8 bytes"));
  CHECK_FALSE(contains(on_terminal("TERM=xterm NO_COLOR=1" + tokenize).out, "\033["));
  CHECK_FALSE(contains(on_terminal("TERM=dumb" + tokenize).out, "\033["));
  CHECK_FALSE(contains(on_terminal("TERM=xterm" + tokenize + " --color never").out, "\033["));
}

TEST_CASE("with --json a failure is on standard output too") {
  const Outcome outcome = run({"inspect", "--json", "/nonexistent/model"});
  CHECK(outcome.code == 1);
  REQUIRE(outcome.errors().size() == 1);
  const auto error = nlohmann::json::parse(outcome.out)["error"];
  CHECK(error["file"] == "/nonexistent/model");
  CHECK(error["where"] == "");
  CHECK(contains(outcome.err, error["message"]));
  // A wrong command line is no result of any kind.
  CHECK(run({"inspect", "--json", "no-such-name"}).out.empty());
  CHECK(run({"inspect", "--json", "--no-such-flag"}).out.empty());
}
