#include "checkpoint/gguf_tokenizer.h"

#include <catch2/catch.hpp>
#include <functional>
#include <set>

#include "checkpoint/gguf.h"
#include "checkpoint/gguf_pre_tokenizer.h"
#include "foretell/error.h"
#include "foretell/tokenizer.h"

using namespace foretell;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/gguf";

Json metadata_of(const char* name) { return read_gguf(golden / name).metadata; }

std::string error_of(const char* name, const std::function<void(Json&)>& change) {
  Json metadata = metadata_of(name);
  change(metadata);
  try {
    translate_tokenizer(metadata, "test.gguf");
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("GGUF's byte-level tokenizer encodes as the reference does with the same vocabulary") {
  // The ids are those of the tokenizers package with tests/golden/gguf/make.py's source.
  const std::string text = "Hello 123 world, it's";
  const std::vector<TokenId> ids = {42, 71, 78, 78, 81, 223, 19, 20, 21, 270, 78, 70, 14, 223, 75, 86, 9, 85};
  const Tokenizer with_bos =
      Tokenizer::from_json(translate_tokenizer(metadata_of("llama.gguf"), "x").tokenizer_json, "x");
  std::vector<TokenId> expected = ids;
  expected.insert(expected.begin(), 0);
  CHECK(with_bos.encode(text) == expected);
  CHECK(with_bos.encode(text, {.add_special = false}) == ids);
  CHECK(with_bos.encode("</s>x") == std::vector<TokenId>{0, 1, 90});
  CHECK(with_bos.decode(ids) == text);
  CHECK(with_bos.is_special(2));
  const Tokenizer plain = Tokenizer::from_json(translate_tokenizer(metadata_of("qwen3.gguf"), "x").tokenizer_json, "x");
  CHECK(plain.encode(text) == ids);
}

TEST_CASE("GGUF's pre-tokenizers are components that this library and the reference know") {
  Json metadata = metadata_of("gpt2.gguf");
  const std::vector<std::string_view> names = pre_tokenizer_names();
  CHECK(names.size() == std::set<std::string_view>(names.begin(), names.end()).size());
  for (const std::string_view name : names) {
    if (!find_pre_tokenizer(name, "x").byte_level) continue;  // not for this vocabulary
    INFO(name);
    metadata["tokenizer.ggml.pre"] = name;
    const Tokenizer tokenizer = Tokenizer::from_json(translate_tokenizer(metadata, "x").tokenizer_json, "x");
    const std::string text = "It's 12345 times, naïve\n\n  so ¹½ 一龥!";
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  }
}

TEST_CASE("GGUF's tokenizer settings are those of tokenizer_config.json") {
  const GgufTokenizer tokenizer = translate_tokenizer(metadata_of("llama.gguf"), "x");
  const Json config = parse_json(tokenizer.tokenizer_config_json, "x");
  CHECK(config.at("bos_token") == "<s>");
  CHECK(config.at("eos_token") == "</s>");
  CHECK(config.at("pad_token") == "<pad>");
  CHECK(tokenizer.special_ids == Json{{"bos_token_id", 0}, {"eos_token_id", 1}, {"pad_token_id", 2}});
  CHECK(tokenizer.end_ids == std::vector<int64_t>{1});
  const Json json = parse_json(tokenizer.tokenizer_json, "x");
  CHECK(json.at("model").at("ignore_merges") == true);
  CHECK(json.at("model").at("vocab").size() == 320);
  CHECK(json.at("added_tokens").size() == 3);
  CHECK(json.at("post_processor").at("special_tokens").at("<s>").at("ids") == Json::array({0}));
}

TEST_CASE("GGUF: the tokens that end a turn end a text too") {
  Json metadata = metadata_of("llama.gguf");
  metadata["tokenizer.ggml.tokens"][2] = "<|im_end|>";
  CHECK(translate_tokenizer(metadata, "x").end_ids == std::vector<int64_t>{1, 2});
  metadata["tokenizer.ggml.token_type"][2] = 1;  // an ordinary token of that name does not
  CHECK(translate_tokenizer(metadata, "x").end_ids == std::vector<int64_t>{1});
  metadata["tokenizer.ggml.eot_token_id"] = 7;
  CHECK(translate_tokenizer(metadata, "x").end_ids == std::vector<int64_t>{1, 7});
  // gpt-oss ends a message with <|end|> and goes on.
  metadata = metadata_of("llama.gguf");
  const auto control = [&](size_t id, const char* name) {
    metadata["tokenizer.ggml.tokens"][id] = name;
    metadata["tokenizer.ggml.token_type"][id] = 3;
  };
  control(2, "<|end|>");
  CHECK(translate_tokenizer(metadata, "x").end_ids == std::vector<int64_t>{1, 2});
  control(300, "<|return|>");
  control(301, "<|call|>");
  CHECK(translate_tokenizer(metadata, "x").end_ids == std::vector<int64_t>{1, 300, 301});
}

TEST_CASE("GGUF: SentencePiece's scores become merges, best first") {
  const Json metadata = metadata_of("spm.gguf");
  const Json json = parse_json(translate_tokenizer(metadata, "x").tokenizer_json, "x");
  const Json& model = json.at("model");
  CHECK(model.at("byte_fallback") == true);
  CHECK(model.at("unk_token") == "<unk>");
  CHECK(json.at("normalizer").at("normalizers").at(0) == Json{{"type", "Prepend"}, {"prepend", "▁"}});
  CHECK(json.at("decoder").at("decoders").size() == 4);
  double last = 0;
  for (const Json& merge : model.at("merges")) {
    const std::string whole = merge.at(0).get<std::string>() + merge.at(1).get<std::string>();
    const double score = metadata.at("tokenizer.ggml.scores").at(model.at("vocab").at(whole).get<size_t>());
    CHECK(score <= last);
    last = score;
  }
  CHECK(model.at("merges").size() > 100);
  Json gemma = metadata;
  gemma["tokenizer.ggml.add_space_prefix"] = false;
  const Json without = parse_json(translate_tokenizer(gemma, "x").tokenizer_json, "x");
  CHECK(without.at("normalizer").at("type") == "Replace");
  CHECK(without.at("decoder").at("decoders").size() == 3);
}

TEST_CASE("GGUF's SentencePiece vocabulary encodes as sentencepiece does") {
  const Tokenizer tokenizer =
      Tokenizer::from_json(translate_tokenizer(metadata_of("spm.gguf"), "x").tokenizer_json, "x");
  const Json cases = read_json_file(golden / "spm.json");
  CHECK(cases.size() == 10);
  for (const Json& one : cases) {
    const auto text = one.at("text").get<std::string>();
    INFO(text);
    CHECK(tokenizer.encode(text) == one.at("ids").get<std::vector<TokenId>>());
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  }
}

TEST_CASE("GGUF's unigram vocabulary encodes as sentencepiece does") {
  const Tokenizer tokenizer =
      Tokenizer::from_json(translate_tokenizer(metadata_of("unigram.gguf"), "x").tokenizer_json, "x");
  const Json cases = read_json_file(golden / "unigram.json");
  CHECK(cases.size() == 15);
  for (const Json& one : cases) {
    const auto text = one.at("text").get<std::string>();
    INFO(text);
    auto ids = one.at("ids").get<std::vector<TokenId>>();
    CHECK(tokenizer.encode(text, {.add_special = false}) == ids);
    CHECK(tokenizer.decode(ids) == one.at("decoded").get<std::string>());
    ids.push_back(1);  // </s>
    CHECK(tokenizer.encode(text) == ids);
  }
}

TEST_CASE("GGUF's WordPiece vocabulary encodes as the reference does") {
  const GgufTokenizer translated = translate_tokenizer(metadata_of("wordpiece.gguf"), "x");
  CHECK(parse_json(translated.tokenizer_config_json, "x").at("mask_token") == "[MASK]");
  const Tokenizer tokenizer = Tokenizer::from_json(translated.tokenizer_json, "x");
  const Json cases = read_json_file(golden / "wordpiece.json");
  CHECK(cases.size() == 15);
  for (const Json& one : cases) {
    const auto text = one.at("text").get<std::string>();
    INFO(text);
    const auto ids = one.at("ids").get<std::vector<TokenId>>();
    CHECK(tokenizer.encode(text) == ids);
    CHECK(tokenizer.decode(ids, true) == one.at("decoded").get<std::string>());
  }
}

TEST_CASE("GGUF: merges over characters instead of bytes, as Gemma 4 has them") {
  Json metadata = metadata_of("spm.gguf");
  const Json scores = parse_json(translate_tokenizer(metadata, "x").tokenizer_json, "x");
  Json merges = Json::array();
  for (const Json& merge : scores.at("model").at("merges"))
    merges.push_back(merge.at(0).get<std::string>() + " " + merge.at(1).get<std::string>());
  metadata["tokenizer.ggml.model"] = "gemma4";
  metadata["tokenizer.ggml.merges"] = merges;
  metadata["tokenizer.ggml.add_space_prefix"] = true;  // which Gemma has not, but this vocabulary
  metadata.erase("tokenizer.ggml.add_bos_token");
  const Tokenizer tokenizer = Tokenizer::from_json(translate_tokenizer(metadata, "x").tokenizer_json, "x");
  for (const Json& one : read_json_file(golden / "spm.json")) {
    auto ids = one.at("ids").get<std::vector<TokenId>>();
    CHECK(tokenizer.encode(one.at("text").get<std::string>(), {.add_special = false}) == ids);
    ids.insert(ids.begin(), 1);  // <s>
    CHECK(tokenizer.encode(one.at("text").get<std::string>()) == ids);
  }
}

TEST_CASE("GGUF: a file may hold tokenizer.json itself, or no tokenizer") {
  Json metadata = metadata_of("llama.gguf");
  metadata["tokenizer.huggingface.json"] = "{\"model\": {}}";
  CHECK(translate_tokenizer(metadata, "x").tokenizer_json == "{\"model\": {}}");
  metadata["tokenizer.ggml.model"] = "no_vocab";
  CHECK(translate_tokenizer(metadata, "x").tokenizer_json.empty());
}

TEST_CASE("GGUF: what is wrong with a tokenizer is named") {
  using Catch::Contains;
  const auto set = [](const char* key, const Json& value) {
    return [=](Json& metadata) { metadata[std::string("tokenizer.ggml.") + key] = value; };
  };
  CHECK_THAT(error_of("llama.gguf", set("model", "rwkv")),
             Contains("not supported") &&
                 Contains("tokenizer.ggml.model; expected gpt2, gemma4, llama, t5 or bert, found \"rwkv\""));
  CHECK_THAT(error_of("llama.gguf", set("pre", "martian")), Contains("tokenizer.ggml.pre") && Contains("\"martian\""));
  CHECK_THAT(error_of("llama.gguf", set("tokens", Json::array())), Contains("vocabulary is empty"));
  CHECK_THAT(error_of("llama.gguf", set("tokens", 5)), Contains("no list of texts"));
  CHECK_THAT(error_of("llama.gguf", set("token_type", Json::array({1, 2}))), Contains("expected 320, found 2"));
  CHECK_THAT(error_of("llama.gguf", [](Json& m) { m["tokenizer.ggml.token_type"][9] = 99; }), Contains("token 9"));
  CHECK_THAT(error_of("llama.gguf", [](Json& m) { m["tokenizer.ggml.tokens"][9] = "<s>"; }),
             Contains("twice") && Contains("0 and 9"));
  CHECK_THAT(error_of("llama.gguf", set("merges", Json::array({"ab"}))), Contains("no pair") && Contains("\"ab\""));
  CHECK_THAT(error_of("llama.gguf", [](Json& m) { m.erase("tokenizer.ggml.merges"); }), Contains("key is missing"));
  CHECK_THAT(error_of("llama.gguf", set("bos_token_id", 320)), Contains("0 to 319") && Contains("found 320"));
  CHECK_THAT(error_of("llama.gguf", set("bos_token_id", "x")), Contains("no token id"));
  CHECK_THAT(error_of("llama.gguf", [](Json& m) { m.erase("tokenizer.ggml.bos_token_id"); }),
             Contains("tokenizer.ggml.bos_token_id"));  // add_bos_token asks for it
  CHECK_THAT(error_of("llama.gguf", set("add_bos_token", 1)), Contains("no flag"));
  CHECK_THAT(error_of("spm.gguf", set("scores", Json::array({1.0}))), Contains("tokenizer.ggml.scores"));
}
