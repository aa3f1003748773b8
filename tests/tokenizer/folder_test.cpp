// Folders without a tokenizer.json: SentencePiece's files against what sentencepiece 0.2 made of texts, and the other
// forms, written from tokenizers whose ids the reference gave.
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "error_of.h"
#include "foretell/tokenizer.h"
#include "temp_folder.h"
#include "tokenizer/base64.h"
#include "tokenizer/byte_alphabet.h"

using namespace foretell;
using foretell::test::error_of;
using Json = nlohmann::json;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden";

Json read(const std::filesystem::path& file) {
  std::ifstream in(file);
  return Json::parse(in);
}

// "" written in the byte alphabet as base64 of the bytes.
std::string base64_of(const std::string& name) { return tokenization::encode_base64(*tokenization::spell_bytes(name)); }

// Names by id.
std::map<int, std::string> names_of(const Json& tokenizer) {
  std::map<int, std::string> names;
  for (const auto& [name, id] : tokenizer["model"]["vocab"].items()) names[id] = name;
  return names;
}

std::string merges_of(const Json& tokenizer) {
  std::string lines = "#version: 0.2\n";
  for (const Json& merge : tokenizer["model"]["merges"])
    lines += merge.is_string() ? merge.get<std::string>() + "\n"
                               : merge[0].get<std::string>() + " " + merge[1].get<std::string>() + "\n";
  return lines;
}

// "added_tokens_decoder" of a tokenizer_config.json, the ids moved.
Json decoder_of(const Json& tokenizer, const std::function<int(int)>& moved) {
  Json decoder = Json::object();
  for (const Json& token : tokenizer["added_tokens"]) decoder[std::to_string(moved(token["id"]))] = token;
  return decoder;
}

void check_cases(const char* name, const Tokenizer& tokenizer, const std::function<int(int)>& moved,
                 bool with_special) {
  const Json cases = read(golden / "tokenizers" / name / "cases.json");
  REQUIRE(cases.size() > 50);
  const auto expected = [&](const Json& ids) {
    std::vector<TokenId> result;
    for (const Json& id : ids) result.push_back(moved(id));
    return result;
  };
  for (const Json& c : cases) {
    const auto text = c["text"].get<std::string>();
    INFO(name << ": " << text);
    CHECK(tokenizer.encode(text, {.add_special = false}) == expected(c["ids_plain"]));
    if (with_special) CHECK(tokenizer.encode(text) == expected(c["ids"]));
    if (with_special) CHECK(tokenizer.decode(tokenizer.encode(text)) == c["decoded"]);
  }
}

int same(int id) { return id; }

}  // namespace

TEST_CASE("a tokenizer.model is read as SentencePiece reads it") {
  for (const char* name : {"bpe_atoms_bytes", "bpe_suffix", "unigram_atoms", "unigram_identity"}) {
    const Tokenizer tokenizer = Tokenizer::load(golden / "tokenizer_models" / name);
    for (const Json& c : read(golden / "tokenizer_models" / name / "cases.json")) {
      const auto text = c["text"].get<std::string>();
      INFO(name << ": " << text);
      const auto ids = tokenizer.encode(text, {.add_special = false, .parse_special = false});
      CHECK(ids == c["ids"].get<std::vector<TokenId>>());
      CHECK(tokenizer.decode(ids) == c["decoded"].get<std::string>());
      const auto spans = tokenizer.encode_with_offsets(text, {.add_special = false, .parse_special = false});
      size_t covered = 0;
      for (const TokenSpan& span : spans) {
        CHECK(span.start <= covered);
        covered = std::max(covered, span.end);
      }
      CHECK(covered == (spans.empty() ? 0 : text.size()));
    }
  }
}

TEST_CASE("a tokenizer.model begins texts as its configuration says") {
  const TempFolder folder;
  const auto file = folder.path() / "tokenizer.model";
  std::filesystem::copy(golden / "tokenizer_models/bpe_suffix/tokenizer.model", file);
  const auto ends = [&](const char* config) {
    folder.write("tokenizer_config.json", config);
    const Tokenizer tokenizer = Tokenizer::load(folder.path());
    std::string names;
    for (const TokenId id : tokenizer.encode("")) names += tokenizer.token_name(id);
    return names;
  };
  CHECK(ends("{}") == "<s>");
  CHECK(ends(R"({"add_eos_token": true})") == "<s></s>");
  CHECK(ends(R"({"add_bos_token": false})").empty());
  CHECK(ends(R"({"tokenizer_class": "T5Tokenizer"})") == "</s>");
  const Tokenizer more = [&] {
    folder.write("added_tokens.json", R"({"<|im_end|>": 151})");
    folder.write("special_tokens_map.json", R"({"eos_token": {"content": "<|im_end|>"}})");
    folder.write("tokenizer_config.json", R"({"add_eos_token": true})");
    return Tokenizer::load(file);
  }();
  CHECK(more.vocabulary_size() == 152);
  CHECK(more.is_special(151));
  CHECK(more.encode("<|im_end|>").back() == 151);
  CHECK(more.token_name(150) == "<|reserved_150|>");
}

TEST_CASE("vocab.json and merges.txt are GPT-2's form") {
  const TempFolder folder;
  const Json source = read(golden / "tokenizers/bytelevel_gpt2/tokenizer.json");
  folder.write("vocab.json", source["model"]["vocab"].dump());
  folder.write("merges.txt", merges_of(source));
  folder.write("tokenizer_config.json",
               Json({{"tokenizer_class", "GPT2Tokenizer"}, {"added_tokens_decoder", decoder_of(source, same)}}).dump());
  check_cases("bytelevel_gpt2", Tokenizer::load(folder.path()), same, true);
}

TEST_CASE("vocab.txt is BERT's form") {
  const TempFolder folder;
  const Json source = read(golden / "tokenizers/wordpiece_bert/tokenizer.json");
  std::string lines;
  for (const auto& [id, name] : names_of(source)) lines += name + "\n";
  folder.write("vocab.txt", lines);
  folder.write("tokenizer_config.json", Json({{"added_tokens_decoder", decoder_of(source, same)}}).dump());
  check_cases("wordpiece_bert", Tokenizer::load(folder.path()), same, true);
}

TEST_CASE("ranks are merges: tekken.json and tiktoken's lines") {
  const Json source = read(golden / "tokenizers/ignore_merges/tokenizer.json");
  const auto names = names_of(source);
  constexpr int first = 4;  // special tokens
  const int ranks = static_cast<int>(names.size()) - first;
  Json tekken = {{"config",
                  {{"pattern", source["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]},
                   {"default_num_special_tokens", first},
                   {"default_vocab_size", names.size()}}},
                 {"vocab", Json::array()},
                 {"special_tokens", Json::array()}};
  std::string lines;
  for (const auto& [id, name] : names) {
    if (id < first) {
      tekken["special_tokens"].push_back({{"rank", id}, {"token_str", name}, {"is_control", true}});
      continue;
    }
    tekken["vocab"].push_back({{"rank", id - first}, {"token_bytes", base64_of(name)}, {"token_str", nullptr}});
    lines += base64_of(name) + " " + std::to_string(id - first) + "\n";
  }
  const TempFolder one, other;
  one.write("tekken.json", tekken.dump());
  check_cases("ignore_merges", Tokenizer::load(one.path()), same, true);
  // The same words are Llama 3's; its special tokens stand behind the others.
  const auto moved = [&](int id) { return id < first ? id + ranks : id - first; };
  other.write("tokenizer.model", lines);
  other.write("tokenizer_config.json",
              Json({{"added_tokens_decoder", decoder_of(source, moved)}, {"bos_token", "<s>"}}).dump());
  check_cases("ignore_merges", Tokenizer::load(other.path()), moved, true);
}

TEST_CASE("what is wrong in an older form is named with its place") {
  const TempFolder folder;
  const auto message = [&](const char* name, std::string_view content) {
    const auto file = folder.write(name, content);
    return folder.relative(error_of([&] { Tokenizer::load(file); }));
  };
  using Catch::Contains;
  CHECK_THAT(message("a.model", "\x0a\x05"),
             Contains("not a SentencePiece model: it ends early (where: ModelProto, byte 2"));
  CHECK_THAT(message("a.model", ""), Contains("no pieces"));
  CHECK_THAT(message("a.model", "\x0f"), Contains("a field has an unknown type"));
  CHECK_THAT(message("a.model", "\x0a\x03\x0a\x01\xff"), Contains("a piece is no text"));
  CHECK_THAT(message("a.model", std::string_view("\x0a\x05\x0a\x01"
                                                 "a\x18\x02\x12\x02\x18\x03",
                                                 11)),
             Contains("kind of SentencePiece model") && Contains("found word"));
  CHECK_THAT(message("tokenizer.model", "YQ== 0\nYg== 2\n"), Contains("ranks have gaps (where: line 2"));
  CHECK_THAT(message("tokenizer.model", "YQ== 0\nYg== x\n"), Contains("not a token and its rank"));
  CHECK_THAT(message("tokenizer.model", "YQ== 0\nYQ== 1\n"), Contains("a token stands there twice"));
  CHECK_THAT(message("b.tiktoken", "YQ== 0\n"), Contains("not known how"));
  CHECK_THAT(message("tekken.json", "{}"), Contains("\"config\" or \"vocab\" is missing"));
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "CLIPTokenizer"})");
  CHECK_THAT(message("vocab.json", "{}"), Contains("cuts words") && Contains("\"CLIPTokenizer\""));
  folder.write("tokenizer_config.json", "{}");
  CHECK_THAT(message("vocab.json", R"({"a": 0})"), Contains("merges.txt"));
  CHECK_THAT(message("vocab.json", R"({"a": -1})"), Contains("not a token's id"));
  CHECK_THAT(message("vocab.txt", "a\n"), Contains("put around texts"));
}
