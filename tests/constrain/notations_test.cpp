// The notations against other people's programs: Python's re (fullmatch) and llama.cpp's grammars
// (llama_sampler_init_grammar of llama_cpp 0.3.36).
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "error_of.h"
#include "foretell/constrain.h"

using namespace foretell;
using foretell::test::error_of;
using Json = nlohmann::json;

namespace {

Json golden(const std::string& name) {
  std::ifstream file(std::string(FORETELL_SOURCE_DIR) + "/tests/golden/constrain/" + name);
  return Json::parse(file);
}

void check_texts(const Grammar& grammar, const Json& texts) {
  for (const Json& entry : texts) {
    INFO(entry[0]);
    CHECK(grammar.matches(entry[0].get<std::string>()) == entry[1].get<bool>());
  }
}

std::string gbnf_error(const std::string& text) {
  return error_of([&] { Grammar::gbnf(text); });
}
std::string regex_error(const std::string& text) {
  return error_of([&] { Grammar::regex(text); });
}

}  // namespace

TEST_CASE("constrain: regular expressions match what Python's do") {
  for (const Json& entry : golden("regex.json")) {
    INFO(entry["regex"]);
    check_texts(Grammar::regex(entry["regex"].get<std::string>()), entry["texts"]);
  }
}

TEST_CASE("constrain: grammars match what llama.cpp's do") {
  for (const Json& entry : golden("gbnf.json")) {
    INFO(entry["grammar"]);
    check_texts(Grammar::gbnf(entry["grammar"].get<std::string>()), entry["texts"]);
  }
}

TEST_CASE("constrain: properties of characters") {
  const Grammar words = Grammar::regex(R"(\p{Lu}\p{Ll}+ \P{L}\p{Nd})");
  CHECK(words.matches("Élan -7"));
  CHECK_FALSE(words.matches("élan -7"));
  CHECK_FALSE(words.matches("Élan a7"));
  CHECK(Grammar::regex(R"([\u{1F600}\ud83d\ude01]+)").matches("😀😁"));
}

TEST_CASE("constrain: what is wrong in a regular expression is said, with its place") {
  CHECK(regex_error("a(b") == "the regular expression has a ( without a ) (where: byte 4; found its end)");
  CHECK(regex_error("ab)") == "the regular expression has a ) without a ( (where: byte 3; found \")\")");
  CHECK(regex_error("[a-") == "the regular expression ends too early (where: byte 4; found its end)");
  CHECK(regex_error("[z-a]").find("from a later to an earlier") != std::string::npos);
  CHECK(regex_error("a{3,2}").find("from more to fewer") != std::string::npos);
  CHECK(regex_error("*a").find("nothing before it") != std::string::npos);
  CHECK(regex_error("(?=a)b").find("(?=...), which is not supported") != std::string::npos);
  CHECK(regex_error("(a)\\1").find("backreference") != std::string::npos);
  CHECK(regex_error("\\bword").find("\\b, which is not supported") != std::string::npos);
  CHECK(regex_error("(?i)a").find("flags") != std::string::npos);
  CHECK(regex_error("\\q").find("unknown escape") != std::string::npos);
  CHECK(regex_error("\\p{Klingon}").find("\"Klingon\"") != std::string::npos);
  CHECK(regex_error("\\ud800").find("no character") != std::string::npos);
  CHECK(regex_error("a\xff") == "the regular expression is not UTF-8 (where: byte 2; found \"\")");
  CHECK(regex_error("[]").find("no text fits") != std::string::npos);
  CHECK(regex_error("(^a)*").find("anchor inside of a repetition") != std::string::npos);
  CHECK(regex_error("a$b").find("no text fits") != std::string::npos);
}

TEST_CASE("constrain: what is wrong in a grammar is said, with its place") {
  CHECK(gbnf_error("root ::= \"a").find("ends too early") != std::string::npos);
  CHECK(gbnf_error("a ::= \"b\"") == "the grammar has no rule root, where it would start");
  CHECK(gbnf_error("root ::= item\nitm ::= \"a\"") ==
        "the grammar uses a rule that it does not define: item (where: line 1, byte 10)");
  CHECK(gbnf_error("root ::= \"a\"\nroot ::= \"b\"").find("defines a rule twice: root (where: line 2, byte 1") !=
        std::string::npos);
  CHECK(gbnf_error("root ::= \"a\")").find("belongs to no rule") != std::string::npos);
  CHECK(gbnf_error("root = \"a\"").find("no ::=") != std::string::npos);
  CHECK(gbnf_error("root ::= (\"a\"").find("a ( without a )") != std::string::npos);
  CHECK(gbnf_error("root ::= \"\\q\"").find("unknown escape") != std::string::npos);
  CHECK(gbnf_error("root ::= <think>").find("token") != std::string::npos);
  CHECK(gbnf_error("root ::= \"a\"{x}").find("braces without a number") != std::string::npos);
  CHECK(gbnf_error("root ::= a\na ::= b \"x\"\nb ::= a? root | \"y\"").find("left recursion") != std::string::npos);
  CHECK(gbnf_error("root ::= root \"a\" | \"b\"").find("root -> root") != std::string::npos);
  CHECK(gbnf_error("root ::= \"a\" root").find("no text fits") != std::string::npos);
}

TEST_CASE("constrain: hostile notations end with an error or an answer") {
  CHECK(Grammar::regex("(a*)*(a|a)*b").matches(std::string(2000, 'a') + "b"));
  CHECK(Grammar::regex("a{1,1000000}").matches(std::string(5000, 'a')));
  CHECK_FALSE(Grammar::regex("[a-z]{1000000}").matches("abc"));
  CHECK(error_of([] { (void)Grammar::regex("(a?){0,1000000}").matches("a"); }).find("too many ways") !=
        std::string::npos);
  CHECK(regex_error(std::string(10'000, '(') + std::string(10'000, ')')).find("nested too deeply") !=
        std::string::npos);
  CHECK(gbnf_error("root ::= " + std::string(10'000, '(')).find("nested too deeply") != std::string::npos);
  CHECK(regex_error("a{99999999999}").find("too large a number") != std::string::npos);
  // 2^n stacks after n letters.
  const Grammar ambiguous = Grammar::gbnf("root ::= \"a\" (l | r) | \"b\"\nl ::= root \"x\"\nr ::= root \"x\"");
  CHECK(ambiguous.matches("aabxx"));
  CHECK(error_of([&] { (void)ambiguous.matches(std::string(64, 'a')); }).find("too many ways") != std::string::npos);
  std::string chain = "root ::= r0\n";  // each rule doubles the shortest text
  for (int i = 0; i < 100; i++)
    chain += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + " r" + std::to_string(i + 1) + "\n";
  CHECK_FALSE(Grammar::gbnf(chain + "r100 ::= \"a\"\n").matches("a"));
}
