#include "checkpoint/gguf_tokenizer.h"

#include <algorithm>
#include <utility>

#include "checkpoint/gguf_tokenizer_keys.h"
#include "checkpoint/gguf_tokenizer_models.h"

namespace foretell {
namespace {

using namespace gguf;

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

Vocabulary index_tokens(const TokenizerKeys& keys, const std::vector<Token>& tokens) {
  Vocabulary ids(tokens.size());
  for (size_t i = 0; i < tokens.size(); i++) {
    if (tokens[i].text.empty()) continue;
    if (const auto there = ids.add(tokens[i].text, i))
      throw keys.error(
          "ggml.tokens", "a token stands there twice", "once",
          "\"" + std::string(tokens[i].text) + "\" as " + std::to_string(*there) + " and " + std::to_string(i));
  }
  return ids;
}

struct SpecialTokens {
  std::optional<int64_t> bos = {}, eos = {}, unknown = {}, separator = {}, pad = {}, mask = {};
};

// By the kind of tokenizer where the file does not name them; the defaults are llama.cpp's (Llama 2, T5, BERT).
SpecialTokens read_special_tokens(const TokenizerKeys& keys, size_t tokens, const std::string& kind) {
  const auto read = [&](const char* key, std::optional<int64_t> otherwise) {
    if (keys.find(key) != nullptr) return keys.id(key, tokens);
    return otherwise && *otherwise < static_cast<int64_t>(tokens) ? otherwise : std::nullopt;
  };
  SpecialTokens known;
  if (kind == "llama") known = {.bos = 1, .eos = 2, .unknown = 0};
  if (kind == "t5") known = {.eos = 1, .unknown = 2, .pad = 0};
  if (kind == "bert") known = {.bos = 101, .unknown = 100, .separator = 102, .pad = 0, .mask = 103};
  if (kind == "bert") known.bos = read("ggml.cls_token_id", known.bos);
  return {.bos = read("ggml.bos_token_id", known.bos),
          .eos = read("ggml.eos_token_id", known.eos),
          .unknown = read("ggml.unknown_token_id", known.unknown),
          .separator = read("ggml.seperator_token_id", known.separator),  // so spelled
          .pad = read("ggml.padding_token_id", known.pad),
          .mask = read("ggml.mask_token_id", known.mask)};
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
                           const Pipeline& pipeline) {
  const bool bos = keys.flag("ggml.add_bos_token", pipeline.adds_bos);
  const bool eos = keys.flag("ggml.add_eos_token", pipeline.adds_eos);
  const bool separator = pipeline.adds_separator && keys.flag("ggml.add_sep_token", true);
  if (!bos && !eos && !separator) return nullptr;
  auto single = OrderedJson::array(), pair = OrderedJson::array();
  auto used = OrderedJson::object();
  const auto add = [&](OrderedJson& list, const char* key, std::optional<int64_t> id, int type) {
    const std::string_view text = id ? tokens[static_cast<size_t>(*id)].text : std::string_view();
    if (text.empty()) throw keys.error(key, "a key is missing", "the id of the token that is to be added", "none");
    used[std::string(text)] = {
        {"id", text}, {"ids", OrderedJson::array({*id})}, {"tokens", OrderedJson::array({std::string(text)})}};
    list.push_back({{"SpecialToken", {{"id", text}, {"type_id", type}}}});
  };
  for (int type = 0; type < 2; type++) {
    OrderedJson one = OrderedJson::array();
    if (bos && (type == 0 || !separator)) add(one, "ggml.bos_token_id", special.bos, type);
    one.push_back({{"Sequence", {{"id", type == 0 ? "A" : "B"}, {"type_id", type}}}});
    if (separator) add(one, "ggml.seperator_token_id", special.separator, type);
    if (eos) add(one, "ggml.eos_token_id", special.eos, type);
    if (type == 0) single = one;
    pair.insert(pair.end(), one.begin(), one.end());
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", used}};
}

// Two spaces for each level; `text` begins where its first line stands.
std::string indented(const OrderedJson& value, int levels) {
  std::string text;
  for (const char c : value.dump(2)) {
    text += c;
    if (c == '\n') text.append(static_cast<size_t>(2 * levels), ' ');
  }
  return text;
}

// A string of JSON; the texts of a file are UTF-8.
void append_quoted(std::string& json, std::string_view text) {
  json += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view digits = "0123456789abcdef";
      json += "\\u00";
      json += digits[static_cast<size_t>(c >> 4)];
      json += digits[static_cast<size_t>(c & 15)];
    } else {
      json += c;
    }
  }
  json += '"';
}

// {"text": id}, or [["text", score]] where the place is the id.
void append_vocabulary(std::string& json, const std::vector<Token>& tokens, Pipeline::Vocabulary form) {
  const bool scores = form == Pipeline::Vocabulary::Scores;
  json += scores ? "[" : "{";
  const char* separator = "\n      ";
  for (size_t i = 0; i < tokens.size(); i++) {
    if (tokens[i].text.empty() && !scores) continue;
    json += separator;
    if (scores) json += '[';
    append_quoted(json, tokens[i].text);
    json += scores ? "," + OrderedJson(tokens[i].score).dump() + "]" : ": " + std::to_string(i);
    separator = ",\n      ";
  }
  json += scores ? "\n    ]" : "\n    }";
}

// About as long as the JSON will be.
size_t estimated_size(const std::vector<Token>& tokens, const Pipeline& pipeline) {
  size_t size = 1 << 16;
  for (const Token& token : tokens) size += token.text.size() + 24;
  if (pipeline.merges)
    for (const Merge& merge : *pipeline.merges) size += merge.first.size() + merge.second.size() + 16;
  return size;
}

// Vocabularies are written entry by entry: an ordered object of that size takes its time.
std::string tokenizer_json(const std::vector<Token>& tokens, const Pipeline& pipeline, const OrderedJson& post) {
  std::string text;
  text.reserve(estimated_size(tokens, pipeline));
  text += "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null";
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
  text += "\n    \"vocab\": ";
  append_vocabulary(text, tokens, pipeline.vocabulary);
  if (pipeline.merges) {
    text += ",\n    \"merges\": [";
    const char* separator = "\n      [";
    for (const Merge& merge : *pipeline.merges) {
      text += separator;
      append_quoted(text, merge.first);
      text += ',';
      append_quoted(text, merge.second);
      text += ']';
      separator = ",\n      [";
    }
    text += "\n    ]";
  }
  text += "\n  }\n}\n";
  return text;
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
  add("sep_token", special.separator);
  add("mask_token", special.mask);
  config["clean_up_tokenization_spaces"] = false;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  return config.dump(2) + "\n";
}

// Tokens that are known to end a turn or a text (llama.cpp finds them by their texts too).
constexpr std::string_view known_ends[] = {"<|eot_id|>",
                                           "<|eom_id|>",
                                           "<|im_end|>",
                                           "<|end|>",
                                           "<|return|>",
                                           "<|call|>",
                                           "<|calls|>",
                                           "<|flush|>",
                                           "<end_of_turn>",
                                           "<turn|>",
                                           "<|tool_response>",
                                           "<|endoftext|>",
                                           "<|end_of_text|>",
                                           "<EOT>",
                                           "_<EOT>",
                                           "[EOT]",
                                           "[EOS]",
                                           "<end_of_utterance>",
                                           "<｜end▁of▁sentence｜>",
                                           "[e~["};

// What ends a text: the file's end token and, since files of chat models often name only one, those that are known.
std::vector<int64_t> end_ids(const TokenizerKeys& keys, const std::vector<Token>& tokens, const Vocabulary& ids,
                             const SpecialTokens& special) {
  std::vector<int64_t> ends;
  const auto add = [&](std::optional<int64_t> id) {
    if (id && std::find(ends.begin(), ends.end(), *id) == ends.end()) ends.push_back(*id);
  };
  const auto control = [&](std::string_view name) -> std::optional<int64_t> {
    const auto id = ids.find(name);
    if (!id || tokens[*id].type != TokenType::Control) return std::nullopt;
    return static_cast<int64_t>(*id);
  };
  add(special.eos);
  add(keys.id("ggml.eot_token_id", tokens.size()));
  add(keys.id("ggml.eom_token_id", tokens.size()));
  // Where a message ends with it and a turn with another, as in gpt-oss's and Solar Open's.
  const bool end_of_message =
      (control("<|return|>") && control("<|call|>")) || (control("<|calls|>") && control("<|flush|>"));
  for (const std::string_view name : known_ends)
    if (name != "<|end|>" || !end_of_message) add(control(name));
  return ends;
}

Pipeline make_pipeline(const TokenizerKeys& keys, const std::string& kind, std::vector<Token>& tokens,
                       const Vocabulary& ids, std::optional<int64_t> unknown) {
  if (kind == "gpt2") return merge_pipeline(keys, tokens, keys.text("ggml.pre", "default"), unknown);
  if (kind == "gemma4") return merge_pipeline(keys, tokens, "gemma4", unknown);
  if (kind == "llama") return score_pipeline(keys, tokens, ids, unknown);
  if (kind == "t5") return unigram_pipeline(keys, tokens, unknown);
  if (kind == "bert") return wordpiece_pipeline(keys, tokens, unknown);
  throw keys.error("ggml.model", "a kind of tokenizer that is not supported", "gpt2, gemma4, llama, t5 or bert",
                   "\"" + kind + "\"");
}

}  // namespace

GgufTokenizer translate_tokenizer(const Json& metadata, const std::filesystem::path& file, bool texts) {
  const TokenizerKeys keys(metadata, file);
  GgufTokenizer result;
  result.chat_template = keys.text("chat_template", "");
  constexpr std::string_view named = "tokenizer.chat_template.";
  for (const auto& [key, value] : metadata.items())
    if (key.starts_with(named) && value.is_string())
      result.named_chat_templates.emplace(key.substr(named.size()), value.get<std::string>());
  const std::string kind = keys.text("ggml.model", "none");
  if (kind == "none" || kind == "no_vocab") return result;
  std::vector<Token> tokens = read_tokens(keys);
  const SpecialTokens special = read_special_tokens(keys, tokens.size(), kind);
  if (special.bos) result.special_ids["bos_token_id"] = *special.bos;
  if (special.eos) result.special_ids["eos_token_id"] = *special.eos;
  if (special.pad) result.special_ids["pad_token_id"] = *special.pad;
  if (!texts) return result;

  const Vocabulary ids = index_tokens(keys, tokens);
  result.tokenizer_json = keys.text("huggingface.json", "");  // the published text itself, where a file has it
  Pipeline pipeline;
  if (result.tokenizer_json.empty()) {
    pipeline = make_pipeline(keys, kind, tokens, ids, special.unknown);
    result.tokenizer_json = tokenizer_json(tokens, pipeline, post_processor(keys, tokens, special, pipeline));
  }
  result.tokenizer_config_json = tokenizer_config(tokens, special);
  result.end_ids = end_ids(keys, tokens, ids, special);
  return result;
}

}  // namespace foretell
