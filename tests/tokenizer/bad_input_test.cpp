// Files that are broken, contradictory or of another kind: one line that names the place.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "foretell/error.h"
#include "foretell/tokenizer.h"

using foretell::Error;
using foretell::Tokenizer;
using Json = nlohmann::json;

namespace {

Json valid() {
  return Json::parse(R"({
    "version": "1.0",
    "added_tokens": [{"id": 4, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
                      "normalized": false, "special": true}],
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, " ": 3}, "merges": ["a b"]}
  })");
}

// The message that loading gives.
std::string message(const std::string& text) {
  try {
    const Tokenizer tokenizer = Tokenizer::from_json(text, "t.json");
    tokenizer.encode("ab");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string message(const char* pointer, const char* value) {
  Json file = valid();
  file[Json::json_pointer(pointer)] = Json::parse(value);
  return message(file.dump());
}

}  // namespace

TEST_CASE("a tokenizer.json that is valid loads") { CHECK(message(valid().dump()) == "no error"); }

TEST_CASE("what is wrong in a tokenizer.json is named with its place") {
  struct Case {
    const char* pointer;  // what of the valid file is replaced
    const char* value;
    const char* expected;  // behind the file's name
  };
  const Case cases[] = {
      {"/version", R"("2.0")", R"(unknown version (where: version; expected "1.0", found "2.0"))"},
      {"/version", "1", "value has another type (where: version; expected a string, found an integer)"},
      {"/model", "[]", "value has another type (where: model; expected an object, found an array)"},
      {"/model", "{}", R"(a key is missing (where: model; expected "type"))"},
      {"/model/type", R"("Bpe")", R"(unknown model (where: model.type; found "Bpe"))"},
      {"/model/type", "null", R"(a key is missing (where: model; expected "type"))"},
      {"/model/vocab", "null", R"(a key is missing (where: model; expected "vocab"))"},
      {"/model/vocab", "[]", "value has another type (where: model.vocab; expected an object, found an array)"},
      {"/model/vocab/a", "-1", R"(number is out of range (where: model.vocab["a"]; expected 0 to 16777215, found -1))"},
      {"/model/vocab/a", "99999999999",
       "number is out of range (where: model.vocab[\"a\"]; expected 0 to 16777215, "
       "found 99999999999)"},
      {"/model/vocab/a", "1.5",
       R"(value has another type (where: model.vocab["a"]; expected an integer, found a number))"},
      {"/model/vocab/a", R"("0")",
       R"(value has another type (where: model.vocab["a"]; expected an integer, found a string))"},
      {"/model/merges", "null", R"(a key is missing (where: model; expected "merges"))"},
      {"/model/merges", R"("a b")", "value has another type (where: model.merges; expected an array, found a string)"},
      {"/model/merges/0", R"("ab")",
       R"(not a merge (where: model.merges[0]; expected two names with one blank between )"
       R"(them, found "ab"))"},
      {"/model/merges/0", R"(["a"])", "not a merge (where: model.merges[0]; expected two names, found 1)"},
      {"/model/merges/0", R"(["a", 1])", "not a merge (where: model.merges[0]; expected two strings)"},
      {"/model/merges/0", "7",
       "value has another type (where: model.merges[0]; expected a string or an array, found an "
       "integer)"},
      {"/model/merges/0", R"("a x")",
       "a merge has a token that is not in the vocabulary (where: model.merges[0]; found "
       R"("a" "x"))"},
      {"/model/merges/0", R"("b a")",
       "a merge has a token that is not in the vocabulary (where: model.merges[0]; found "
       R"("b" "a"))"},
      {"/model/dropout", "1.5", "number is out of range (where: model.dropout; expected 0 to 1)"},
      {"/model/fuse_unk", "1", "value has another type (where: model.fuse_unk; expected a boolean, found an integer)"},
      {"/added_tokens", "{}", "value has another type (where: added_tokens; expected an array, found an object)"},
      {"/added_tokens/0/content", "null", R"(a key is missing (where: added_tokens[0]; expected "content"))"},
      {"/added_tokens/0/special", R"("yes")",
       "value has another type (where: added_tokens[0].special; expected a boolean, "
       "found a string)"},
      {"/added_tokens/0/id", "-2",
       "number is out of range (where: added_tokens[0].id; expected 0 to 16777215, found -2)"},
      {"/normalizer", R"({"type": "NFX"})", R"(unknown normalizer (where: normalizer.type; found "NFX"))"},
      {"/normalizer", R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "X"}]})",
       R"(unknown normalizer (where: normalizer.normalizers[1].type; found "X"))"},
      {"/normalizer", R"({"type": "Replace", "pattern": {"Regex": "("}, "content": ""})",
       "the regular expression cannot be used: it ends early (where: normalizer.pattern.Regex; found ()"},
      {"/normalizer", R"({"type": "Replace", "pattern": {}, "content": ""})",
       R"(a key is missing (where: normalizer.pattern; expected "Regex"))"},
      {"/normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "?"})",
       R"(not base64 (where: normalizer.precompiled_charsmap; found "?"))"},
      {"/normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "////////"})",
       "not a precompiled charsmap (where: normalizer.precompiled_charsmap; expected the size of a trie, a trie and "
       "replacements in UTF-8, found 6 bytes)"},
      {"/pre_tokenizer", R"({"type": "Splitt"})",
       R"(unknown pre-tokenizer (where: pre_tokenizer.type; found "Splitt"))"},
      {"/pre_tokenizer", R"({"type": "Digits"})",
       R"(a key is missing (where: pre_tokenizer; expected "individual_digits"))"},
      {"/pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "a{2"}, "behavior": "Merged", "invert": false})",
       R"(unknown split behavior (where: pre_tokenizer.behavior; found "Merged"))"},
      {"/pre_tokenizer",
       R"({"type": "Split", "pattern": {"Regex": "\\p{Klingon}"}, "behavior": "Isolated", "invert": false})",
       "the regular expression cannot be used: unknown property Klingon (where: pre_tokenizer.pattern.Regex; found "
       "\\p{Klingon})"},
      {"/pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "[z-a]"}, "behavior": "Isolated", "invert": false})",
       "the regular expression cannot be used: a range of characters runs backwards (where: "
       "pre_tokenizer.pattern.Regex; "
       "found [z-a])"},
      {"/pre_tokenizer", R"({"type": "Metaspace", "replacement": "__", "prepend_scheme": "always"})",
       R"(string has another length (where: pre_tokenizer.replacement; expected one character, found "__"))"},
      {"/pre_tokenizer", R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"})",
       R"(unknown prepend scheme (where: pre_tokenizer.prepend_scheme; found "last"))"},
      {"/pre_tokenizer", R"({"type": "FixedLength", "length": 0})",
       "number is out of range (where: pre_tokenizer.length; expected 1 to 1099511627776, found 0)"},
      {"/post_processor", R"({"type": "Template"})",
       R"(unknown post-processor (where: post_processor.type; found "Template"))"},
      {"/post_processor",
       R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}], "special_tokens": {}})",
       R"(a key is missing (where: post_processor.special_tokens; expected "x"))"},
      {"/post_processor", R"({"type": "BertProcessing", "sep": ["a"], "cls": ["b", 1]})",
       "not a token (where: post_processor.sep; expected a name and an id)"},
      {"/decoder", R"({"type": "Bytes"})", R"(unknown decoder (where: decoder.type; found "Bytes"))"},
      {"/decoder", R"({"type": "Strip", "content": " ", "start": -1, "stop": 0})",
       "number is out of range (where: decoder.start; expected 0 to 1048576, found -1)"},
      {"/model", R"({"type": "Unigram", "unk_id": 3, "vocab": [["a", -1.0]]})",
       "number is out of range (where: model.unk_id; expected 0 to 0, found 3)"},
      {"/model", R"({"type": "Unigram", "vocab": [["a", "b"]]})",
       "not an entry (where: model.vocab[0]; expected a name and a number)"},
      {"/model", R"({"type": "Unigram", "vocab": [["x", -1.0]]})",
       "the text has an unknown character and the vocabulary no unknown token"},
      {"/model", R"({"type": "WordLevel", "unk_token": "?", "vocab": {"a": 0}})",
       "the text has an unknown word and the vocabulary no unknown token"},
      {"/model", R"({"type": "BPE", "unk_token": "?", "vocab": {"a": 0}, "merges": []})",
       "the vocabulary lacks its own unknown token"},
  };
  for (const Case& c : cases) {
    INFO(c.pointer << " = " << c.value);
    const std::string found = message(c.pointer, c.value);
    CHECK_THAT(found, Catch::Matchers::Contains(c.expected));
    CHECK(found.find('\n') == std::string::npos);
  }
}

TEST_CASE("a tokenizer.json that is cut off anywhere is an error") {
  const std::string text = valid().dump();
  for (size_t size = 0; size < text.size(); ++size) {
    INFO(size);
    CHECK_THAT(message(text.substr(0, size)), Catch::Matchers::StartsWith("t.json: not valid JSON"));
  }
}

TEST_CASE("steps that would make a text endless are refused") {
  Json file = valid();
  for (size_t i = 0; i < 60; ++i) {
    file["normalizer"]["normalizers"][i] = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  }
  file["normalizer"]["type"] = "Sequence";
  CHECK(message(file.dump()) ==
        "t.json: the steps can make a text more than a million times longer (where: normalizer)");
}

TEST_CASE("a folder without a tokenizer is an error that names the file") {
  const auto folder = std::filesystem::temp_directory_path() / "foretell-no-tokenizer";
  std::filesystem::create_directories(folder);
  CHECK_THROWS_AS(Tokenizer::load(folder), Error);
  std::ofstream(folder / "tokenizer.json") << "{";
  try {
    Tokenizer::load(folder);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Matchers::StartsWith((folder / "tokenizer.json").string() + ": not valid JSON"));
  }
  std::filesystem::remove_all(folder);
}
