// JSON schemas: verdicts are those of Python's jsonschema 4.26 with its format checks, on schemas and values of our
// own.
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "error_of.h"
#include "foretell/constrain.h"
#include "foretell/sampling.h"

using namespace foretell;
using Json = nlohmann::ordered_json;

namespace {

std::string schema_error(const std::string& text) {
  return foretell::test::error_of([&] { Grammar::json_schema(text); });
}
bool allows(const std::string& schema, const std::string& text) { return Grammar::json_schema(schema).matches(text); }

}  // namespace

TEST_CASE("constrain: a schema allows what jsonschema finds valid, and nothing else") {
  std::ifstream file(std::string(FORETELL_SOURCE_DIR) + "/tests/golden/constrain/schemas.json");
  for (const Json& entry : Json::parse(file)) {
    const Grammar grammar = Grammar::json_schema(entry["schema"].dump());
    for (const Json& text : entry["texts"]) {
      INFO(entry["schema"] << "\n" << text[0]);
      CHECK(grammar.matches(text[0].get<std::string>()) == text[1].get<bool>());
    }
  }
}

TEST_CASE("constrain: JSON comes on one line, with at most one blank behind : and ,") {
  const std::string schema =
      R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}}},"additionalProperties":false})";
  for (const char* text : {R"({"a":[1,2]})", R"({"a": [1, 2]})", R"({"a": [1,2]})", "{}"}) CHECK(allows(schema, text));
  for (const char* text : {R"({ "a":[1,2]})", R"({"a":  [1,2]})", R"({"a" :[1]})", "{\"a\":\n[1]}", R"({"a":[1,2] })",
                           R"( {"a":[1]})", "{ }", R"({"a":[1,]})"})
    CHECK_FALSE(allows(schema, text));
  CHECK(Grammar::json_object().matches(R"({"x":{"y":[true, null, -1.5e3, "\u00e9\ud83d\ude00\n"]}})"));
  CHECK_FALSE(Grammar::json_object().matches(R"(["x"])"));
  CHECK_FALSE(Grammar::json_object().matches(R"({"x":"\ud83d"})"));  // half a character
}

TEST_CASE("constrain: properties come in the schema's order, others behind them, and none twice") {
  const std::string schema = R"({"type":"object","properties":{"b":{"type":"integer"},"a":{"type":"integer"}},
    "required":["a","c"],"additionalProperties":{"type":"boolean"}})";
  CHECK(allows(schema, R"({"b":1,"a":2,"c":true})"));
  CHECK(allows(schema, R"({"a":2,"c":true,"d":false})"));
  CHECK_FALSE(allows(schema, R"({"a":2,"b":1,"c":true})"));
  CHECK_FALSE(allows(schema, R"({"a":2})"));
  CHECK_FALSE(allows(schema, R"({"a":2,"c":true,"a":true})"));
  CHECK_FALSE(allows(schema, R"({"a":2,"c":true,"\u0061":true})"));  // the same name, spelled differently
}

TEST_CASE("constrain: a pattern or a format beside any length") {
  const auto letters = [](size_t min, size_t max) {
    return Grammar::json_schema(R"({"type":"string","pattern":"^(ab)*$","minLength":)" + std::to_string(min) +
                                R"(,"maxLength":)" + std::to_string(max) + "}");
  };
  const auto text = [](size_t pairs) {
    std::string result = "\"";
    for (size_t i = 0; i < pairs; i++) result += "ab";
    return result + "\"";
  };
  for (const size_t pairs : {0UL, 1UL, 3UL, 4UL, 5UL, 6UL})
    CHECK(letters(5, 11).matches(text(pairs)) == (pairs >= 3 && pairs <= 5));
  CHECK(letters(1000, 100'000).matches(text(1000)));
  CHECK_FALSE(letters(1000, 100'000).matches(text(499)));
  CHECK_FALSE(letters(1000, 1999).matches(text(1000)));
  CHECK(foretell::test::error_of([&] { letters(3, 3); }).find("no text fits") != std::string::npos);
  CHECK(allows(R"({"type":"string","format":"uri","maxLength":2048})", R"("https://example.com/a?b#c")"));
  CHECK(allows(R"({"type":"string","format":"email","minLength":6,"maxLength":4294967295})", R"("x@y.zz")"));
  CHECK_FALSE(allows(R"({"type":"string","format":"email","minLength":7})", R"("x@y.zz")"));
}

TEST_CASE("constrain: minProperties counts different names") {
  const std::string two =
      R"({"type":"object","properties":{"a":{}},"minProperties":2,"additionalProperties":{"type":"null"}})";
  CHECK(allows(two, R"({"a":1,"b":null})"));
  CHECK(allows(two, R"({"a":1,"b":null,"b":null})"));
  CHECK(allows(two, R"({"bb":null,"c":null})"));
  CHECK(allows(two, R"({"bb":null,"c":null,"c":null})"));
  for (const char* text :
       {"{}", R"({"a":1})", R"({"b":null})", R"({"b":null,"b":null})", R"({"b":null,"b":null,"b":null})"})
    CHECK_FALSE(allows(two, text));
  const std::string three = R"({"minProperties":3,"type":"object"})";
  CHECK(allows(three, R"({"abc":1,"b":2,"de":3,"de":4})"));
  CHECK_FALSE(allows(three, R"({"abc":1,"b":2,"b":3})"));
  // Where propertyNames lists them, each has a place.
  const std::string listed = R"({"type":"object","propertyNames":{"enum":["x","y","z",1]},"minProperties":2})";
  CHECK(allows(listed, R"({"x":1,"z":2})"));
  for (const char* text : {R"({"x":1})", R"({"x":1,"x":2})", R"({"x":1,"1":2})"}) CHECK_FALSE(allows(listed, text));
  CHECK(schema_error(R"({"type":"object","propertyNames":{"enum":["x"]},"minProperties":2})").find("no text fits") !=
        std::string::npos);
}

TEST_CASE("constrain: alternatives of oneOf that a property tells apart, whatever patternProperties says of it") {
  const std::string tagged = R"({"oneOf":[
    {"type":"object","properties":{"tag":{"const":"x"}},"required":["tag"],
     "patternProperties":{"^[a-z]+$":{"type":"string"}}},
    {"type":"object","properties":{"tag":{"const":"y"}},"required":["tag"],"additionalProperties":false}]})";
  CHECK(allows(tagged, R"({"tag":"x","more":"text"})"));
  CHECK(allows(tagged, R"({"tag":"y"})"));
  CHECK_FALSE(allows(tagged, R"({"tag":"x","more":1})"));
  // The first one's additionalProperties says nothing of a name that its pattern matches.
  CHECK(schema_error(R"({"oneOf":[{"type":"object","patternProperties":{"a":{}},"additionalProperties":false},
                                  {"type":"object","required":["a"]}]})")
            .find("(where: #/oneOf/1)") != std::string::npos);
}

TEST_CASE("constrain: numbers keep their bounds and grids, digit by digit") {
  const double bounds[] = {-1000, -12.5, -1, -0.125, 0, 0.001, 0.5, 1, 9.99, 10, 123456};
  const char* texts[] = {"-1001", "-1000",  "-999.999", "-12.5",  "-12.51", "-1",    "-0.125", "-0.12",
                         "0",     "0.0005", "0.001",    "0.5",    "0.50",   "0.499", "1",      "9.98",
                         "9.99",  "9.991",  "10.0",     "123456", "123457", "99999"};
  for (const double low : bounds) {
    for (const double high : bounds) {
      const Json schema = {{"type", "number"}, {"minimum", low}, {"exclusiveMaximum", high}};
      if (low >= high) {
        CHECK(schema_error(schema.dump()).find("no text fits") != std::string::npos);
        continue;
      }
      const Grammar grammar = Grammar::json_schema(schema.dump());
      for (const char* text : texts) {
        const double value = std::strtod(text, nullptr);
        INFO(schema << " " << text);
        CHECK(grammar.matches(text) == (value >= low && value < high));
      }
    }
  }
  const Grammar sevens = Grammar::json_schema(R"({"type":"integer","multipleOf":7,"minimum":-100})");
  for (int i = -120; i < 300; i++) CHECK(sevens.matches(std::to_string(i)) == (i >= -100 && i % 7 == 0));
  for (const char* type : {"integer", "number"}) {  // a grid of 7 in the end
    const Grammar fine =
        Grammar::json_schema(R"({"type":")" + std::string(type) +
                             R"(","allOf":[{"multipleOf":0.001},{"multipleOf":3.5},{"multipleOf":7}]})");
    for (const int i : {-14, 0, 7, 700}) CHECK(fine.matches(std::to_string(i)));
    for (const char* text : {"8", "3.5", "-7.001"}) CHECK_FALSE(fine.matches(text));
  }
  const Grammar whole = Grammar::json_schema(R"({"type":"integer","multipleOf":0.75})");
  for (int i = -30; i < 30; i++) CHECK(whole.matches(std::to_string(i)) == (i % 3 == 0));
  CHECK(allows(R"({"type":"number","multipleOf":0.25})", "-3.75"));
  CHECK_FALSE(allows(R"({"type":"number","multipleOf":0.25})", "3.7"));
  CHECK(allows(R"({"type":"integer"})", "123456789012345678"));
  CHECK_FALSE(allows(R"({"type":"integer"})", "007"));
  CHECK(allows(R"({"type":"integer","minimum":1e20})", "100000000000000000000"));
}

TEST_CASE("constrain: what a schema asks that is not supported is named, with its place") {
  CHECK(schema_error(R"({"properties":{"a/b":{"not":{}}}})") ==
        "the schema has a keyword that is not supported: not (where: #/properties/a~1b/not)");
  CHECK(schema_error(R"({"items":{"uniqueItems":true}})").find("#/items/uniqueItems") != std::string::npos);
  for (const char* keyword : {"if", "contains", "dependentRequired", "unevaluatedProperties", "$dynamicRef", "foo"})
    CHECK(schema_error("{\"" + std::string(keyword) + "\":{}}").find("not supported: " + std::string(keyword)) !=
          std::string::npos);
  CHECK(schema_error(R"({"format":"iri"})").find("(where: #/format; expected one of date, time") != std::string::npos);
  CHECK(schema_error(R"({"type":"strin"})").find("unknown type (where: #/type; expected one of null") !=
        std::string::npos);
  CHECK(schema_error("{\"pattern\":\"a(?=b)\"}").find("(where: #/pattern, byte 2") != std::string::npos);
  CHECK(schema_error("{\"pattern\":\"a(?=b)\",\"maxLength\":3}").find("(where: #/pattern, byte 2") !=
        std::string::npos);
  CHECK(schema_error(R"({"minLength":-1})").find("(where: #/minLength; expected a whole number") != std::string::npos);
  CHECK(schema_error(R"({"minimum":"3"})").find("(where: #/minimum; expected a number") != std::string::npos);
  CHECK(schema_error(R"({"items":[{}]})").find("prefixItems since 2020-12") != std::string::npos);
  CHECK(schema_error(R"({"oneOf":[{"type":"integer"},{"minimum":2}]})").find("(where: #/oneOf/1)") !=
        std::string::npos);
  CHECK(schema_error(R"({"$ref":"#/$defs/x"})").find("a place that it does not have") != std::string::npos);
  CHECK(schema_error(R"({"$ref":"http://example.com/x"})").find("another document") != std::string::npos);
  CHECK(schema_error("{\"type\":").find("not valid JSON") != std::string::npos);
  CHECK(schema_error("3").find("an object, true or false") != std::string::npos);
  CHECK(schema_error("false").find("no text fits") != std::string::npos);
}

TEST_CASE("constrain: hostile schemas end with an error") {
  CHECK(schema_error(R"({"$ref":"#"})").find("refers to itself for ever") != std::string::npos);
  CHECK(schema_error(R"({"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"anyOf":[{"$ref":"#/$defs/a"}]}},
                        "$ref":"#/$defs/a"})")
            .find("refers to itself for ever") != std::string::npos);
  CHECK(schema_error(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})").find("no text fits") !=
        std::string::npos);
  std::string deep;
  for (int i = 0; i < 100'000; i++) deep += R"({"items":)";
  CHECK(schema_error(deep).find("nested too deeply") != std::string::npos);
  Json many = Json::array();
  for (int i = 0; i < 20; i++) many.push_back({{"anyOf", {{{"minimum", i}}, {{"maximum", i}}}}});
  CHECK(schema_error(Json{{"allOf", many}}.dump()).find("too many alternatives") != std::string::npos);
  CHECK(schema_error(R"({"type":"string","pattern":"^(a|b)*a(a|b){20}$","maxLength":30})").find("too large") !=
        std::string::npos);
  CHECK(schema_error(R"({"type":"string","pattern":"a{1,1000000}","minLength":2})").find("too large") !=
        std::string::npos);
  CHECK(schema_error(R"({"type":"number","multipleOf":123456.789})").find("too fine") != std::string::npos);
  CHECK(schema_error(R"({"type":"object","properties":{"a":{}},"minProperties":4000000000})").find("too many") !=
        std::string::npos);
  std::string wide = "{";
  for (int i = 0; i < 6000; i++) wide += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":{}";
  CHECK(schema_error(R"({"properties":)" + wide + "}}").find("at most 5000 members") != std::string::npos);
  // Large and sound: 10 MB of small schemas, of which few are used.
  std::string large = R"({"type":"object","properties":{"a":{"$ref":"#/$defs/0/0"}},"required":["a"],"$defs":{)";
  for (int i = 0; i < 100; i++) {
    large += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":{";
    for (int j = 0; j < 1000; j++)
      large += (j == 0 ? "\"" : ",\"") + std::to_string(j) +
               R"(":{"type":"string","maxLength":20,"title":"one of very many such schemas here, with a long title"})";
    large += "}";
  }
  REQUIRE(large.size() > 10'000'000);
  CHECK(allows(large + "}}", R"({"a":"text"})"));
}
