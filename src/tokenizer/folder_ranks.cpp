// Lists of tokens by rank, which are byte-level BPE without a list of merges: tiktoken's files and Mistral's
// tekken.json.
#include <algorithm>
#include <charconv>

#include "base/word_patterns.h"
#include "foretell/error.h"
#include "tokenizer/base64.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/folder_settings.h"
#include "tokenizer/vocabulary.h"

namespace foretell::tokenization {
namespace {

// The tokens by id.
struct Ranks {
  std::map<std::string, int64_t> ids;  // in the byte alphabet
  int64_t first = 0;                   // the id of rank 0
  int64_t count = 0;
};

void add_rank(Ranks& ranks, std::string_view base64, int64_t rank, const std::filesystem::path& file,
              const std::string& place) {
  const auto fail = [&](const std::string& what, const std::string& expected, const std::string& found) {
    throw Error({.what = what, .file = file.string(), .where = place, .expected = expected, .found = found});
  };
  const auto bytes = decode_base64(base64);
  if (!bytes || bytes->empty()) fail("a token is not base64", {}, "\"" + std::string(base64) + "\"");
  if (rank != ranks.count) fail("ranks have gaps", std::to_string(ranks.count), std::to_string(rank));
  if (rank + ranks.first > largest_id) fail("the vocabulary is too large", {}, std::to_string(rank));
  if (!ranks.ids.emplace(name_of_bytes(*bytes), ranks.first + rank).second)
    fail("a token stands there twice", {}, std::string(base64));
  ++ranks.count;
}

// A line for each token: base64, a blank, the rank.
Ranks read_lines(std::string_view text, const std::filesystem::path& file) {
  Ranks ranks;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const size_t blank = std::min(line.find(' '), line.size());
    const std::string_view digits = line.substr(std::min(blank + 1, line.size()));
    int64_t rank = -1;
    const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    const std::string place = "line " + std::to_string(number);
    if (error != std::errc() || last != digits.data() + digits.size()) {
      throw Error({.what = "not a token and its rank",
                   .file = file.string(),
                   .where = place,
                   .expected = "base64, a blank and a number",
                   .found = "\"" + std::string(line.substr(0, 60)) + "\""});
    }
    add_rank(ranks, line.substr(0, blank), rank, file, place);
  }
  return ranks;
}

// Which words a file's tokens are made for, that does not say it.
struct Words {
  std::string_view expression;
  bool nfc = false;
  std::vector<std::string> special = {};  // behind the ranks, where the folder names none
  std::string bos = {};
};

std::vector<std::string> numbered(std::vector<std::string> names, const char* before, int count, const char* behind) {
  for (int i = 0; i < count; ++i) names.push_back(before + std::to_string(i) + behind);
  return names;
}

// As Meta's own folders have it (models/llama3/tokenizer.py of https://github.com/meta-llama/llama-models).
std::vector<std::string> llama3_special() {
  std::vector<std::string> names = {"<|begin_of_text|>",
                                    "<|end_of_text|>",
                                    "<|reserved_special_token_0|>",
                                    "<|reserved_special_token_1|>",
                                    "<|finetune_right_pad_id|>",
                                    "<|step_id|>",
                                    "<|start_header_id|>",
                                    "<|end_header_id|>",
                                    "<|eom_id|>",
                                    "<|eot_id|>",
                                    "<|python_tag|>"};
  for (int i = 2; names.size() < 256; ++i) names.push_back("<|reserved_special_token_" + std::to_string(i) + "|>");
  return names;
}

Words words_of(const std::filesystem::path& file, const FolderSettings& settings) {
  const std::string& kind = settings.kind();
  const std::string stem = file.stem().string();
  if (kind == "QWenTokenizer" || stem == "qwen") {
    return {qwen2_words, true, numbered({"<|endoftext|>", "<|im_start|>", "<|im_end|>"}, "<|extra_", 205, "|>")};
  }
  if (kind == "TikTokenTokenizer") return {kimi_words};
  if (kind == "LlamaTokenizer" || kind.empty() || kind == "PreTrainedTokenizer") {
    if (stem == "tokenizer") return {llama3_words, false, llama3_special(), "<|begin_of_text|>"};
  }
  if (kind == "ChatGLM4Tokenizer" || kind == "ChatGLMTokenizer") return {llama3_words};
  if (stem == "cl100k_base") {
    return {llama3_words, false, {"<|endoftext|>", "", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"}};
  }
  if (stem == "o200k_base") return {gpt4o_words, false, {"", "<|endoftext|>"}};
  throw Error({.what = "it is not known how the tokenizer of these ranks cuts words",
               .file = file.string(),
               .expected = "Llama 3's tokenizer.model, qwen.tiktoken, cl100k_base.tiktoken, o200k_base.tiktoken, or a "
                           "tokenizer_class of QWenTokenizer, TikTokenTokenizer or ChatGLM4Tokenizer",
               .found = "tokenizer_class \"" + kind + "\""});
}

Json model_of(const Ranks& ranks) {
  Json scores = Json::array();
  for (int64_t id = 0; id < ranks.first; ++id) scores.push_back(nullptr);
  for (int64_t rank = 0; rank < ranks.count; ++rank) scores.push_back(-rank);
  return {{"type", "BPE"}, {"vocab", ranks.ids}, {"scores", scores}, {"ignore_merges", true}};
}

std::string whole(const Ranks& ranks, const Words& words, const Json& added, const Json& around) {
  return Json({{"version", "1.0"},
               {"added_tokens", added},
               {"normalizer", words.nfc ? Json({{"type", "NFC"}}) : Json()},
               {"pre_tokenizer", cut_by(words.expression)},
               {"post_processor", around},
               {"decoder", byte_level(true)},
               {"model", model_of(ranks)}})
      .dump();
}

}  // namespace

std::string translate_ranks(const std::filesystem::path& file, std::string_view lines, const FolderSettings& settings) {
  const Ranks ranks = read_lines(lines, file);
  const Words words = words_of(file, settings);
  std::map<std::string, int64_t> ids = ranks.ids;
  Json added = settings.added_tokens(ids, {});
  if (added.empty()) {
    for (size_t i = 0; i < words.special.size(); ++i) {
      if (!words.special[i].empty()) ids.emplace(words.special[i], ranks.count + static_cast<int64_t>(i));
    }
    added = settings.added_tokens(ids, words.special);
  }
  const bool adds_bos = settings.flag("add_bos_token", !words.bos.empty());
  const std::string bos = adds_bos ? settings.token("bos_token", words.bos) : "";
  return whole(ranks, words, added, around_text(bos, "", ids, file));
}

std::string translate_tekken(const std::filesystem::path& file) {
  const Json json = read_json_file(file);
  const auto fail = [&](const char* what, const std::string& place) -> Error {
    return Error({.what = what, .file = file.string(), .where = place});
  };
  const auto number = [&](const Json& object, const char* key, const std::string& place) {
    if (!object.is_object() || !object.contains(key) || !object[key].is_number_integer())
      throw fail("a whole number is missing", place + "." + key);
    const auto value = object[key].get<int64_t>();
    if (value < 0 || value > largest_id) throw fail("number is out of range", place + "." + key);
    return value;
  };
  if (!json.is_object() || !json.contains("config") || !json.contains("vocab") || !json["vocab"].is_array()) {
    throw fail("\"config\" or \"vocab\" is missing", "the outermost object");
  }
  const Json& config = json["config"];
  const int64_t first = number(config, "default_num_special_tokens", "config");
  const int64_t size = number(config, "default_vocab_size", "config");
  if (!config.contains("pattern") || !config["pattern"].is_string())
    throw fail("a string is missing", "config.pattern");
  const std::string pattern = config["pattern"].get<std::string>();
  Ranks ranks;
  ranks.first = first;
  for (const Json& token : json["vocab"]) {
    if (ranks.count + first >= size) break;  // the file may hold more than the model has
    const std::string place = "vocab[" + std::to_string(ranks.count) + "]";
    const int64_t rank = number(token, "rank", place);
    if (!token.contains("token_bytes") || !token["token_bytes"].is_string())
      throw fail("a string is missing", place + ".token_bytes");
    add_rank(ranks, token["token_bytes"].get<std::string>(), rank, file, place);
  }
  // Older files do not list them (tekken.py of https://github.com/mistralai/mistral-common).
  std::vector<std::string> names = {"<unk>",
                                    "<s>",
                                    "</s>",
                                    "[INST]",
                                    "[/INST]",
                                    "[AVAILABLE_TOOLS]",
                                    "[/AVAILABLE_TOOLS]",
                                    "[TOOL_RESULTS]",
                                    "[/TOOL_RESULTS]",
                                    "[TOOL_CALLS]",
                                    "[IMG]",
                                    "<pad>",
                                    "[IMG_BREAK]",
                                    "[IMG_END]",
                                    "[PREFIX]",
                                    "[MIDDLE]",
                                    "[SUFFIX]",
                                    "[SYSTEM_PROMPT]",
                                    "[/SYSTEM_PROMPT]",
                                    "[TOOL_CONTENT]"};
  if (const auto list = json.find("special_tokens"); list != json.end() && list->is_array()) {
    names.assign(static_cast<size_t>(first), "");
    for (const Json& token : *list) {
      const int64_t rank = number(token, "rank", "special_tokens");
      if (rank >= first || !token.contains("token_str") || !token["token_str"].is_string())
        throw fail("not a special token", "special_tokens");
      names[static_cast<size_t>(rank)] = token["token_str"].get<std::string>();
    }
  }
  names.resize(static_cast<size_t>(first));
  std::map<std::string, int64_t> ids = ranks.ids;
  Json added = Json::array();
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) names[i] = "<SPECIAL_" + std::to_string(i) + ">";
    ids[names[i]] = static_cast<int64_t>(i);
    added.push_back({{"id", i},
                     {"content", names[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  Json model = model_of(ranks);
  for (size_t i = 0; i < names.size(); ++i) model["vocab"][names[i]] = i;  // before the ranks, so not counted on
  return Json({{"version", "1.0"},
               {"added_tokens", added},
               {"pre_tokenizer", cut_by(pattern)},
               {"post_processor", around_text(names.size() > 1 ? names[1] : "", "", ids, file)},
               {"decoder", byte_level(true)},
               {"model", model}})
      .dump();
}

}  // namespace foretell::tokenization
