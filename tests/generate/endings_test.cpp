// Files of endings.
#include "generate/endings.h"

#include <catch2/catch.hpp>

#include "error_of.h"

using namespace foretell;
using test::error_of;

TEST_CASE("endings come in lines or as JSON Lines") {
  const auto lines = parse_endings("Paris\n\n  in spring\r\n", "I like", "f");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].beginning == "I like");
  CHECK(lines[0].endings == std::vector<std::string>{"Paris", "  in spring"});
  CHECK_FALSE(lines[0].label);

  const auto json = parse_endings(R"(
{"ctx":"A man","endings":["runs.","sits."],"label":1,"activity_label":"x"}
{"context":"B","choices":["c"],"gold":"0"}
{"endings":["d","e"],"label":""}
)",
                                  "given", "f");
  REQUIRE(json.size() == 3);
  CHECK(json[0].beginning == "A man");
  CHECK(json[0].endings == std::vector<std::string>{"runs.", "sits."});
  CHECK(json[0].label == 1);
  CHECK(json[1].beginning == "B");
  CHECK(json[1].label == 0);
  CHECK(json[2].beginning == "given");
  CHECK_FALSE(json[2].label);
}

TEST_CASE("a file of endings that is none says which line is wrong") {
  const auto error = [](const std::string& text) {
    return error_of([&] { parse_endings("{\"ctx\":\"a\",\"endings\":[\"b\"]}\n" + text, {}, "f"); });
  };
  CHECK(error("") == "");
  for (const char* line :
       {"[1]", "{", R"({"endings":["b"]})", R"({"ctx":1,"endings":["b"]})", R"({"ctx":"a"})",
        R"({"ctx":"a","endings":[]})", R"({"ctx":"a","endings":"b"})", R"({"ctx":"a","endings":[1]})",
        R"({"ctx":"a","endings":[""]})", R"({"ctx":"a","endings":["b"],"label":1})",
        R"({"ctx":"a","endings":["b"],"label":-1})", R"({"ctx":"a","endings":["b"],"label":"x"})"}) {
    INFO(line);
    CHECK_THAT(error(line), Catch::StartsWith("f: ") && Catch::Contains("line 2"));
  }
  CHECK_THAT(error_of([] { parse_endings(" \n", "a", "f"); }), Catch::Contains("holds no endings"));
  CHECK_THAT(error_of([] { parse_endings("a\nb\n", {}, "f"); }), Catch::Contains("no beginning"));
}

TEST_CASE("an ending is set off by a blank where texts are") {
  CHECK(joined_ending("The sky is", "blue") == " blue");
  CHECK(joined_ending("The sky is ", "blue") == "blue");
  CHECK(joined_ending("The sky is", " blue") == " blue");
  CHECK(joined_ending("The sky is", "\nblue") == "\nblue");
  CHECK(joined_ending("The sky is", ".") == ".");
  CHECK(joined_ending("", "blue") == "blue");
  CHECK(joined_ending("\u7a7a\u306f", "\u9752\u3044") == "\u9752\u3044");
  CHECK(joined_ending("caf\u00e9", "\u00e9") == " \u00e9");
  CHECK(joined_ending("\xff", "\xe9") == " \xe9");
}
