#include "tokenizer/folder_settings.h"

#include <algorithm>
#include <cstddef>
#include <set>

#include "base/mapped_file.h"
#include "base/word_patterns.h"
#include "foretell/error.h"
#include "tokenizer/vocabulary.h"

namespace foretell::tokenization {
namespace {

namespace fs = std::filesystem;

Json read_object(const fs::path& file) {
  if (!fs::exists(file)) return Json::object();
  Json json = read_json_file(file);
  if (!json.is_object())
    throw Error({.what = "value has another type", .file = file.string(), .expected = "an object"});
  return json;
}

// A token is written as its text or as an object that has it.
std::string content_of(const Json& token) {
  if (token.is_string()) return token.get<std::string>();
  if (token.is_object() && token.contains("content") && token["content"].is_string()) {
    return token["content"].get<std::string>();
  }
  return {};
}

// For folders whose tokenizer_config.json does not say it.
std::string kind_of_model(const Json& config) {
  const auto type = config.find("model_type");
  if (type == config.end() || !type->is_string()) return {};
  const std::string name = type->get<std::string>();
  if (name.starts_with("qwen2") || name.starts_with("qwen3")) return "Qwen2Tokenizer";
  if (name == "qwen") return "QWenTokenizer";
  if (name == "kimi_k2" || name == "kimi_linear") return "TikTokenTokenizer";
  if (name == "gpt2" || name == "opt" || name == "gpt_neo" || name == "gpt_neox") return "GPT2Tokenizer";
  if (name == "roberta" || name == "bart") return "RobertaTokenizer";
  if (name == "gemma" || name.starts_with("gemma2") || name.starts_with("gemma3")) return "GemmaTokenizer";
  if (name == "t5" || name == "mt5") return "T5Tokenizer";
  return name == "llama" ? "LlamaTokenizer" : "";
}

Json added_token(int64_t id, const std::string& content, const Json& flags, bool special) {
  const auto flag = [&](const char* name, bool otherwise) {
    const auto value = flags.find(name);
    return value != flags.end() && value->is_boolean() ? value->get<bool>() : otherwise;
  };
  return {{"id", id},
          {"content", content},
          {"single_word", flag("single_word", false)},
          {"lstrip", flag("lstrip", false)},
          {"rstrip", flag("rstrip", false)},
          {"normalized", flag("normalized", !special)},
          {"special", flag("special", special)}};
}

int64_t id_of(const std::string& key, const fs::path& file) {
  const bool digits = !key.empty() && key.size() < 9 &&
                      std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
  const int64_t id = digits ? std::stoll(key) : -1;
  if (id < 0 || id > largest_id) {
    throw Error({.what = "not a token's id",
                 .file = file.string(),
                 .where = "added_tokens_decoder",
                 .found = "\"" + key + "\""});
  }
  return id;
}

}  // namespace

FolderSettings::FolderSettings(const fs::path& folder)
    : folder_(folder),
      config_(read_object(folder / "tokenizer_config.json")),
      map_(read_object(folder / "special_tokens_map.json")),
      added_(read_object(folder / "added_tokens.json")) {
  kind_ = content_of(config_.value("tokenizer_class", Json()));
  if (kind_.ends_with("Fast")) kind_.resize(kind_.size() - 4);
  if (kind_.empty() || kind_ == "PreTrainedTokenizer") kind_ = kind_of_model(read_object(folder / "config.json"));
}

bool FolderSettings::flag(const char* name, bool otherwise) const {
  const auto value = config_.find(name);
  return value != config_.end() && value->is_boolean() ? value->get<bool>() : otherwise;
}

std::string FolderSettings::token(const char* name, std::string_view otherwise) const {
  for (const Json* file : {&config_, &map_}) {
    const auto value = file->find(name);
    if (value == file->end()) continue;
    if (value->is_null()) return {};
    if (std::string text = content_of(*value); !text.empty()) return text;
  }
  return std::string(otherwise);
}

Json FolderSettings::added_tokens(std::map<std::string, int64_t>& ids, const std::vector<std::string>& special) const {
  std::set<std::string> specials(special.begin(), special.end());
  for (const char* name :
       {"bos_token", "eos_token", "unk_token", "pad_token", "cls_token", "sep_token", "mask_token"}) {
    if (const std::string text = token(name); !text.empty()) specials.insert(text);
  }
  for (const Json* file : {&config_, &map_}) {
    const auto more = file->find("additional_special_tokens");
    if (more == file->end() || !more->is_array()) continue;
    for (const Json& one : *more) specials.insert(content_of(one));
  }
  std::map<int64_t, Json> tokens;
  const auto add = [&](int64_t id, const std::string& content, const Json& flags, const fs::path& file) {
    if (content.empty()) return;
    const auto [known, added] = ids.emplace(content, id);
    if (known->second != id) {
      throw Error({.what = "an added token has another id in the vocabulary",
                   .file = file.string(),
                   .where = "\"" + content + "\"",
                   .expected = std::to_string(known->second),
                   .found = std::to_string(id)});
    }
    tokens[id] = added_token(id, content, flags, specials.contains(content));
  };
  const auto decoder = config_.find("added_tokens_decoder");
  if (decoder != config_.end() && decoder->is_object()) {
    const fs::path file = folder_ / "tokenizer_config.json";
    for (const auto& [key, value] : decoder->items()) add(id_of(key, file), content_of(value), value, file);
  }
  for (const auto& [content, id] : added_.items()) {
    const fs::path file = folder_ / "added_tokens.json";
    const std::string number = id.dump();
    if (!tokens.contains(id_of(number, file))) add(id_of(number, file), content, Json::object(), file);
  }
  for (const std::string& content : specials) {
    const auto known = ids.find(content);
    if (known != ids.end() && !tokens.contains(known->second)) add(known->second, content, Json::object(), folder_);
  }
  // New ones are counted on from the vocabulary's size, whatever their ids here: no id may be left out.
  std::set<int64_t> named;
  for (const auto& [content, id] : ids) named.insert(id);
  const int64_t limit = named.empty() ? 0 : *named.rbegin();
  for (int64_t id = 0; id < limit; ++id) {
    const std::string content = "<|reserved_" + std::to_string(id) + "|>";
    if (!named.contains(id)) add(id, content, {{"special", true}, {"normalized", false}}, folder_);
  }
  Json list = Json::array();
  for (auto& [id, token] : tokens) list.push_back(std::move(token));
  return list;
}

Json around_text(const std::string& before, const std::string& behind, const std::map<std::string, int64_t>& ids,
                 const fs::path& source) {
  if (before.empty() && behind.empty()) return nullptr;
  Json single = Json::array(), special = Json::object();
  const auto add = [&](const std::string& token) {
    if (token.empty()) return;
    const auto id = ids.find(token);
    if (id == ids.end()) {
      throw Error({.what = "a token that is put around texts is not in the vocabulary",
                   .file = source.string(),
                   .found = "\"" + token + "\""});
    }
    single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    special[token] = {{"id", token}, {"ids", {id->second}}, {"tokens", {token}}};
  };
  add(before);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  add(behind);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", single}, {"special_tokens", special}};
}

Json byte_level(bool use_regex, bool add_prefix_space) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json cut_by(std::string_view expression) {
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", {split, byte_level(false)}}};
}

std::string read_text(const fs::path& file) {
  const MappedFile mapped(file);
  return {reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()};
}

}  // namespace foretell::tokenization
