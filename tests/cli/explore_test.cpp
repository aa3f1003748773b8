// `explore` in a terminal of 80 columns and 24 rows, with keys typed as a person would.
#include <csignal>

#include <catch2/catch.hpp>

#include "cli/run.h"
#include "cli/terminal_session.h"

using namespace foretell::test;

namespace {

const std::string other_screen = "\033[?1049h", first_screen = "\033[?1049l", right = "\033[C", left = "\033[D",
                  down = "\033[B";

}  // namespace

TEST_CASE("explore: tokens are taken, and taken back") {
  TerminalSession session({"explore", "-p", "The capital of France is", "--color", "never"});
  REQUIRE(session.shows(other_screen));
  REQUIRE(session.shows("5 tokens"));
  REQUIRE(session.shows("The capital of France is Paris"));  // what is selected stands behind the text
  session.type(right);
  REQUIRE(session.shows("6 tokens"));
  REQUIRE(session.shows("is Paris."));
  session.type(down);
  REQUIRE(session.shows("›   2 "));
  session.type(left);
  REQUIRE(session.shows("5 tokens"));
  REQUIRE(session.shows("›   1 ␣Paris"));
  session.type("0");
  REQUIRE(session.shows("greedy"));
  REQUIRE(session.shows("100.0 %"));
  session.type("1");
  REQUIRE(session.shows("temperature 1.00"));
  session.type(left);
  REQUIRE(session.shows("this is where the prompt ends"));
  session.type("l");  // what each layer would say: in the end what the model says
  REQUIRE(session.shows("what it would say"));
  REQUIRE(session.shows(" 30     #1"));
  session.type("l");
  session.type("?");
  REQUIRE(session.shows("go back one token"));
  session.type("q");
  REQUIRE(session.shows(first_screen));
  CHECK(session.end() == 0);
  CHECK(session.terminal_is_as_before());
}

TEST_CASE("explore: the terminal is as it was after Ctrl-C and after a signal") {
  for (const bool by_key : {true, false}) {
    TerminalSession session({"explore", "-p", "Once"});
    REQUIRE(session.shows(other_screen));
    REQUIRE(session.shows("what may come next"));
    by_key ? session.type("\003") : session.send(SIGTERM);
    REQUIRE(session.shows(first_screen));
    CHECK(session.end() == 130);
    CHECK(session.terminal_is_as_before());
  }
}

TEST_CASE("explore: a pipe is no terminal") {
  const Outcome outcome = run({"explore", "-p", "Once"});
  CHECK(outcome.code == 1);
  CHECK(outcome.out.empty());
  REQUIRE(outcome.errors().size() == 1);
  CHECK(outcome.errors()[0].find("this needs a terminal") != std::string::npos);
}
