#include "checkpoint/gguf_tokenizer.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "checkpoint/gguf_pre_tokenizer.h"
#include "foretell/error.h"

namespace foretell {
namespace {

using OrderedJson = nlohmann::ordered_json;

// tokenizer.ggml.token_type (llama.h's enum llama_token_type)
enum class TokenType : int64_t { Undefined, Normal, Unknown, Control, UserDefined, Unused, Byte };

struct Token {
  std::string_view text;  // in the metadata
  TokenType type = TokenType::Normal;
  double score = 0;
};

// The keys below tokenizer.ggml, checked as they are read.
class TokenizerKeys {
 public:
  TokenizerKeys(const Json& metadata, const std::filesystem::path& file) : metadata_(metadata), file_(file) {}

  const Json* find(std::string_view key) const {
    const auto it = metadata_.find("tokenizer." + std::string(key));
    return it == metadata_.end() ? nullptr : &*it;
  }
  std::string text(std::string_view key, std::string fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_string()) throw error(key, "a value is no text", "a text", value->type_name());
    return value->get<std::string>();
  }
  bool flag(std::string_view key, bool fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) throw error(key, "a value is no flag", "true or false", value->type_name());
    return value->get<bool>();
  }
  std::optional<int64_t> id(std::string_view key, size_t tokens) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_integer()) throw error(key, "a value is no token id", "a whole number", value->type_name());
    // Files of models without such a token have -1 or 2^32 - 1 here.
    if (*value == -1 || *value == 0xffffffffu) return std::nullopt;
    if (*value < 0 || *value >= tokens)
      throw error(key, "a token id is outside of the vocabulary", "0 to " + std::to_string(tokens - 1), value->dump());
    return value->get<int64_t>();
  }
  // A list of values of which `is` holds; `length` 0: any.
  const Json::array_t& list(std::string_view key, const char* expected, size_t length, bool (*is)(const Json&)) const {
    const Json* value = find(key);
    if (value == nullptr) throw error(key, "a key is missing", std::string("a list of ") + expected, "nothing");
    if (!value->is_array() || !std::all_of(value->begin(), value->end(), is))
      throw error(key, "a value is no list of " + std::string(expected), "such a list", "something else");
    if (length != 0 && value->size() != length)
      throw error(key, "a list has another length than that of the tokens", std::to_string(length),
                  std::to_string(value->size()));
    return value->get_ref<const Json::array_t&>();
  }

  Error error(std::string_view key, std::string what, std::string expected, std::string found) const {
    return Error({.what = std::move(what),
                  .file = file_.string(),
                  .where = "tokenizer." + std::string(key),
                  .expected = std::move(expected),
                  .found = std::move(found)});
  }
  const std::filesystem::path& file() const { return file_; }

 private:
  const Json& metadata_;
  const std::filesystem::path& file_;
};

bool is_text(const Json& value) { return value.is_string(); }
bool is_integer(const Json& value) { return value.is_number_integer(); }
bool is_number(const Json& value) { return value.is_number(); }

std::vector<Token> read_tokens(const TokenizerKeys& keys) {
  const auto& texts = keys.list("ggml.tokens", "texts", 0, is_text);
  if (texts.empty()) throw keys.error("ggml.tokens", "the vocabulary is empty", "at least one token", "none");
  std::vector<Token> tokens(texts.size());
  for (size_t i = 0; i < tokens.size(); i++) tokens[i].text = texts[i].get_ref<const std::string&>();
  if (keys.find("ggml.token_type") != nullptr) {
    const auto& types = keys.list("ggml.token_type", "whole numbers", tokens.size(), is_integer);
    for (size_t i = 0; i < tokens.size(); i++) {
      if (types[i] < 0 || types[i] > static_cast<int64_t>(TokenType::Byte))
        throw keys.error("ggml.token_type", "unknown type of token " + std::to_string(i), "0 to 6", types[i].dump());
      tokens[i].type = static_cast<TokenType>(types[i].get<int64_t>());
    }
  }
  // Rows of the embedding that stand for no token are filled in as [PAD123] by those who write these files.
  for (size_t i = 0; i < tokens.size(); i++)
    if (tokens[i].type == TokenType::Unused && tokens[i].text == "[PAD" + std::to_string(i) + "]") tokens[i].text = {};
  return tokens;
}

// Ids by their texts; tokens without a text are left out.
using Vocabulary = std::unordered_map<std::string_view, size_t>;
Vocabulary index_tokens(const TokenizerKeys& keys, const std::vector<Token>& tokens) {
  Vocabulary ids;
  ids.reserve(tokens.size());
  for (size_t i = 0; i < tokens.size(); i++) {
    if (tokens[i].text.empty()) continue;
    const auto [it, added] = ids.emplace(tokens[i].text, i);
    if (!added)
      throw keys.error(
          "ggml.tokens", "a token stands there twice", "once",
          "\"" + std::string(tokens[i].text) + "\" as " + std::to_string(it->second) + " and " + std::to_string(i));
  }
  return ids;
}

using Merge = std::pair<std::string_view, std::string_view>;

std::vector<Merge> read_merges(const TokenizerKeys& keys) {
  const auto& texts = keys.list("ggml.merges", "texts", 0, is_text);
  std::vector<Merge> merges;
  merges.reserve(texts.size());
  for (const Json& text : texts) {
    const std::string_view merge = text.get_ref<const std::string&>();
    const size_t blank = merge.find(' ', 1);
    if (blank == std::string_view::npos || blank + 1 == merge.size())
      throw keys.error("ggml.merges", "a merge is no pair", "two tokens with a blank between them",
                       "\"" + std::string(merge) + "\"");
    merges.emplace_back(merge.substr(0, blank), merge.substr(blank + 1));
  }
  return merges;
}

// SentencePiece has scores instead of merges: of all neighbours that form a token, those that form the one with the
// best score are joined first. As a list of merges that is: every way to cut a token in two tokens, best scores first
// (and in the order that transformers' generate_merges gives to equal ones).
std::vector<Merge> merges_from_scores(const std::vector<Token>& tokens, const Vocabulary& ids) {
  struct Candidate {
    Merge merge;
    double score;
    std::pair<size_t, size_t> parts;
  };
  size_t longest = 0;
  const auto usable = [](const Token& token) { return token.type == TokenType::Normal; };
  for (const Token& token : tokens)
    if (usable(token)) longest = std::max(longest, token.text.size());
  std::vector<Candidate> candidates;
  for (const Token& token : tokens) {
    if (!usable(token)) continue;
    const auto first_of_token = static_cast<std::ptrdiff_t>(candidates.size());
    for (size_t cut = 1; cut < token.text.size(); cut++) {
      const auto left = ids.find(token.text.substr(0, cut)), right = ids.find(token.text.substr(cut));
      if (left != ids.end() && right != ids.end())
        candidates.push_back({{left->first, right->first}, token.score, {left->second, right->second}});
    }
    std::sort(candidates.begin() + first_of_token, candidates.end(),
              [](const Candidate& a, const Candidate& b) { return a.parts < b.parts; });
  }
  const auto characters = [](std::string_view text) {
    return std::count_if(text.begin(), text.end(),
                         [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  };
  std::stable_sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    return std::tuple(a.score, characters(a.merge.first), characters(a.merge.second)) >
           std::tuple(b.score, characters(b.merge.first), characters(b.merge.second));
  });
  std::vector<Merge> merges;
  for (const Candidate& candidate : candidates) merges.push_back(candidate.merge);
  return merges;
}

struct SpecialTokens {
  std::optional<int64_t> bos, eos, unknown, pad;
};

SpecialTokens read_special_tokens(const TokenizerKeys& keys, size_t tokens, bool sentencepiece) {
  SpecialTokens special{.bos = keys.id("ggml.bos_token_id", tokens),
                        .eos = keys.id("ggml.eos_token_id", tokens),
                        .unknown = keys.id("ggml.unknown_token_id", tokens),
                        .pad = keys.id("ggml.padding_token_id", tokens)};
  if (sentencepiece && tokens > 2) {  // llama.cpp's defaults: those of Llama 2
    if (keys.find("ggml.unknown_token_id") == nullptr) special.unknown = 0;
    if (keys.find("ggml.bos_token_id") == nullptr) special.bos = 1;
    if (keys.find("ggml.eos_token_id") == nullptr) special.eos = 2;
  }
  return special;
}

// The parts of a tokenizer.json that differ between the two kinds.
struct Pipeline {
  OrderedJson normalizer, pre_tokenizer, decoder;
  OrderedJson model;  // without vocab and merges
  std::vector<Merge> merges;
  bool adds_bos = false;
};

OrderedJson bpe_model() {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false}};
}

Pipeline byte_level_pipeline(const TokenizerKeys& keys) {
  PreTokenizer pre = find_pre_tokenizer(keys.text("ggml.pre", "default"), keys.file());
  Pipeline pipeline;
  pipeline.normalizer = std::move(pre.normalizer);
  pipeline.pre_tokenizer = std::move(pre.pre_tokenizer);
  pipeline.decoder = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  pipeline.model = bpe_model();
  pipeline.model["ignore_merges"] = pre.ignore_merges;
  pipeline.merges = read_merges(keys);
  pipeline.adds_bos = pre.adds_bos;
  return pipeline;
}

OrderedJson replace(std::string_view from, std::string_view to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

OrderedJson sequence(const char* list, std::vector<OrderedJson> steps) {
  if (steps.size() == 1) return std::move(steps.front());
  return {{"type", "Sequence"}, {list, std::move(steps)}};
}

Pipeline sentencepiece_pipeline(const TokenizerKeys& keys, std::vector<Token>& tokens, const Vocabulary& ids,
                                std::optional<int64_t> unknown) {
  const auto& scores = keys.list("ggml.scores", "numbers", tokens.size(), is_number);
  for (size_t i = 0; i < tokens.size(); i++) tokens[i].score = scores[i].get<double>();
  if (keys.flag("ggml.remove_extra_whitespaces", false))
    throw keys.error("ggml.remove_extra_whitespaces", "an option that is not supported", "false", "true");
  constexpr std::string_view blank = "\u2581";  // stands for a space inside of tokens
  const bool prefix = keys.flag("ggml.add_space_prefix", true);
  std::vector<OrderedJson> normalizers, decoders;
  if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", blank}});
  normalizers.push_back(replace(" ", blank));
  decoders.push_back(replace(blank, " "));
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  Pipeline pipeline;
  pipeline.normalizer = sequence("normalizers", std::move(normalizers));
  pipeline.decoder = sequence("decoders", std::move(decoders));
  pipeline.model = bpe_model();
  if (unknown && !tokens[static_cast<size_t>(*unknown)].text.empty())
    pipeline.model["unk_token"] = tokens[static_cast<size_t>(*unknown)].text;
  pipeline.model["fuse_unk"] = true;
  pipeline.model["byte_fallback"] =
      std::any_of(tokens.begin(), tokens.end(), [](const Token& token) { return token.type == TokenType::Byte; });
  pipeline.merges = merges_from_scores(tokens, ids);
  pipeline.adds_bos = true;
  return pipeline;
}

OrderedJson added_tokens(const std::vector<Token>& tokens) {
  auto list = OrderedJson::array();
  for (size_t i = 0; i < tokens.size(); i++) {
    const TokenType type = tokens[i].type;
    const bool special = type == TokenType::Control || type == TokenType::Unknown;
    if ((!special && type != TokenType::UserDefined) || tokens[i].text.empty()) continue;
    list.push_back({{"id", i},
                    {"content", tokens[i].text},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", special}});
  }
  return list;
}

// Puts the tokens around a text that the file asks for.
OrderedJson post_processor(const TokenizerKeys& keys, const std::vector<Token>& tokens, const SpecialTokens& special,
                           bool adds_bos) {
  const bool bos = keys.flag("ggml.add_bos_token", adds_bos), eos = keys.flag("ggml.add_eos_token", false);
  if (!bos && !eos) return nullptr;
  auto single = OrderedJson::array(), pair = OrderedJson::array();
  auto used = OrderedJson::object();
  const auto add = [&](const char* key, std::optional<int64_t> id) {
    const std::string_view text = id ? tokens[static_cast<size_t>(*id)].text : std::string_view();
    if (text.empty()) throw keys.error(key, "a key is missing", "the id of the token that is to be added", "none");
    used[std::string(text)] = {
        {"id", text}, {"ids", OrderedJson::array({*id})}, {"tokens", OrderedJson::array({std::string(text)})}};
    return text;
  };
  const auto piece = [](const char* kind, std::string_view id, int type) {
    return OrderedJson{{kind, {{"id", id}, {"type_id", type}}}};
  };
  for (int type = 0; type < 2; type++) {
    OrderedJson one = OrderedJson::array();
    if (bos) one.push_back(piece("SpecialToken", add("ggml.bos_token_id", special.bos), type));
    one.push_back(piece("Sequence", type == 0 ? "A" : "B", type));
    if (eos) one.push_back(piece("SpecialToken", add("ggml.eos_token_id", special.eos), type));
    if (type == 0) single = one;
    pair.insert(pair.end(), one.begin(), one.end());
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", used}};
}

// Two spaces for each level; `text` begins where its first line stands.
std::string indented(const OrderedJson& value, int levels) {
  std::string text = value.dump(2);
  const std::string margin(static_cast<size_t>(2 * levels), ' ');
  for (size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) text.insert(at + 1, margin);
  return text;
}

// Vocabularies are written entry by entry: an ordered object of that size takes its time.
std::string tokenizer_json(const std::vector<Token>& tokens, const Pipeline& pipeline, const OrderedJson& post) {
  std::string text = "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null";
  const auto member = [&](const char* name, const OrderedJson& value) {
    text += ",\n  \"" + std::string(name) + "\": " + indented(value, 1);
  };
  member("added_tokens", added_tokens(tokens));
  member("normalizer", pipeline.normalizer);
  member("pre_tokenizer", pipeline.pre_tokenizer);
  member("post_processor", post);
  member("decoder", pipeline.decoder);
  text += ",\n  \"model\": {";
  for (const auto& [name, value] : pipeline.model.items()) text += "\n    \"" + name + "\": " + value.dump() + ",";
  text += "\n    \"vocab\": {";
  const char* separator = "\n      ";
  for (size_t i = 0; i < tokens.size(); i++) {
    if (tokens[i].text.empty()) continue;
    text += separator + OrderedJson(tokens[i].text).dump() + ": " + std::to_string(i);
    separator = ",\n      ";
  }
  text += "\n    },\n    \"merges\": [";
  separator = "\n      ";
  for (const Merge& merge : pipeline.merges) {
    text += separator;
    text += OrderedJson::array({merge.first, merge.second}).dump();
    separator = ",\n      ";
  }
  return text + "\n    ]\n  }\n}\n";
}

std::string tokenizer_config(const std::vector<Token>& tokens, const SpecialTokens& special) {
  OrderedJson config;
  const auto add = [&](const char* name, std::optional<int64_t> id) {
    if (id) config[name] = tokens[static_cast<size_t>(*id)].text;
  };
  add("bos_token", special.bos);
  add("eos_token", special.eos);
  add("unk_token", special.unknown);
  add("pad_token", special.pad);
  config["clean_up_tokenization_spaces"] = false;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  return config.dump(2) + "\n";
}

// What ends a text: the file's end token and, since files of chat models often name only one, the tokens that are known
// to end a turn (llama.cpp finds them by their texts too).
std::vector<int64_t> end_ids(const TokenizerKeys& keys, const std::vector<Token>& tokens, const Vocabulary& ids,
                             const SpecialTokens& special) {
  std::vector<int64_t> ends;
  const auto add = [&](std::optional<int64_t> id) {
    if (id && std::find(ends.begin(), ends.end(), *id) == ends.end()) ends.push_back(*id);
  };
  add(special.eos);
  add(keys.id("ggml.eot_token_id", tokens.size()));
  add(keys.id("ggml.eom_token_id", tokens.size()));
  for (const std::string_view name : {"<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>"}) {
    const auto it = ids.find(name);
    if (it != ids.end() && tokens[it->second].type == TokenType::Control) add(static_cast<int64_t>(it->second));
  }
  return ends;
}

}  // namespace

GgufTokenizer translate_tokenizer(const Json& metadata, const std::filesystem::path& file) {
  const TokenizerKeys keys(metadata, file);
  GgufTokenizer result;
  result.chat_template = keys.text("chat_template", "");
  const std::string kind = keys.text("ggml.model", "none");
  if (kind == "none" || kind == "no_vocab") return result;
  std::vector<Token> tokens = read_tokens(keys);
  const Vocabulary ids = index_tokens(keys, tokens);
  const SpecialTokens special = read_special_tokens(keys, tokens.size(), kind == "llama");

  result.tokenizer_json = keys.text("huggingface.json", "");  // the published text itself, where a file has it
  if (result.tokenizer_json.empty()) {
    if (kind != "gpt2" && kind != "llama")
      throw keys.error("ggml.model", "a kind of tokenizer that is not supported", "gpt2 or llama", "\"" + kind + "\"");
    const Pipeline pipeline =
        kind == "gpt2" ? byte_level_pipeline(keys) : sentencepiece_pipeline(keys, tokens, ids, special.unknown);
    result.tokenizer_json = tokenizer_json(tokens, pipeline, post_processor(keys, tokens, special, pipeline.adds_bos));
  }
  result.tokenizer_config_json = tokenizer_config(tokens, special);
  if (special.bos) result.special_ids["bos_token_id"] = *special.bos;
  if (special.eos) result.special_ids["eos_token_id"] = *special.eos;
  if (special.pad) result.special_ids["pad_token_id"] = *special.pad;
  result.end_ids = end_ids(keys, tokens, ids, special);
  return result;
}

}  // namespace foretell
