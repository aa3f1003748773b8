#include "generate/stop_matcher.h"

#include <catch2/catch.hpp>

using foretell::StopMatcher;

namespace {

// The text that comes out where it goes in by pieces of some size.
std::string through(const std::vector<std::string>& stops, const std::string& text, size_t piece) {
  StopMatcher matcher(stops);
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece) out += matcher.push(text.substr(at, piece));
  out += matcher.finish();
  return out;
}

}  // namespace

TEST_CASE("a stop text ends the text, in whatever pieces it comes") {
  for (const size_t piece : {1U, 2U, 3U, 5U, 100U}) {
    CHECK(through({}, "abcdef", piece) == "abcdef");
    CHECK(through({"cd"}, "abcdef", piece) == "ab");
    CHECK(through({"x", ""}, "abcdef", piece) == "abcdef");
    CHECK(through({"ef"}, "abcdef", piece) == "abcd");
    CHECK(through({"fg"}, "abcdef", piece) == "abcdef");  // its beginning was held back and comes out at the end
    CHECK(through({"ab"}, "abcdef", piece).empty());
    CHECK(through({"abcdef", "cd"}, "abcdef", piece) == "ab");  // the one that ends first
    CHECK(through({"cd", "bcd"}, "abcdef", piece) == "a");      // of those that end together the longest
    CHECK(through({"aab"}, "aaaab", piece) == "aa");
    CHECK(through({"\n\n"}, "a\nb\n\nc", piece) == "a\nb");
  }
}

TEST_CASE("only what might begin a stop text is held back") {
  StopMatcher matcher({"STOP", "TO"});
  CHECK(matcher.push("hello S") == "hello ");
  CHECK(matcher.push("a") == "Sa");
  CHECK(matcher.push("ST").empty());
  CHECK_FALSE(matcher.found());
  CHECK(matcher.push("OP and more") == "S");  // TO ends first
  CHECK(matcher.found());
  CHECK(matcher.push("more").empty());
  CHECK(matcher.finish().empty());
}
