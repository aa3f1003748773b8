// vocab.json with merges.txt (GPT-2's form, of byte-level BPE) and vocab.txt (BERT's, of WordPiece).
#include <algorithm>

#include "base/word_patterns.h"
#include "foretell/error.h"
#include "tokenizer/folder_settings.h"
#include "tokenizer/vocabulary.h"

namespace foretell::tokenization {
namespace {

std::vector<std::string> read_lines(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    if (lines.back().ends_with('\r')) lines.back().pop_back();
    at = end + 1;
  }
  return lines;
}

Json token_with_id(const std::string& token, const std::map<std::string, int64_t>& ids,
                   const std::filesystem::path& file) {
  const auto id = ids.find(token);
  if (id == ids.end()) {
    throw Error({.what = "a token that is put around texts is not in the vocabulary",
                 .file = file.string(),
                 .found = "\"" + token + "\""});
  }
  return Json::array({token, id->second});
}

}  // namespace

std::string translate_merges(const std::filesystem::path& vocabulary, const FolderSettings& settings) {
  const std::string& kind = settings.kind();
  const bool qwen = kind == "Qwen2Tokenizer", roberta = kind == "RobertaTokenizer" || kind == "BartTokenizer";
  if (!kind.empty() && kind != "GPT2Tokenizer" && kind != "CodeGenTokenizer" && !qwen && !roberta) {
    throw Error({.what = "it is not known how this tokenizer cuts words",
                 .file = vocabulary.string(),
                 .expected =
                     "a tokenizer.json, or a tokenizer_class of GPT2Tokenizer, CodeGenTokenizer, Qwen2Tokenizer, "
                     "RobertaTokenizer or BartTokenizer",
                 .found = "\"" + kind + "\""});
  }
  const Json json = read_json_file(vocabulary);
  std::map<std::string, int64_t> ids;
  if (!json.is_object())
    throw Error({.what = "value has another type", .file = vocabulary.string(), .expected = "an object"});
  for (const auto& [name, id] : json.items()) {
    if (!id.is_number_integer() || id < 0 || id > largest_id) {
      throw Error(
          {.what = "not a token's id", .file = vocabulary.string(), .where = "[\"" + name + "\"]", .found = id.dump()});
    }
    ids[name] = id.get<int64_t>();
  }
  Json merges = Json::array();
  for (std::string& line : read_lines(vocabulary.parent_path() / "merges.txt")) {
    if (!line.empty() && !line.starts_with("#version")) merges.push_back(std::move(line));
  }
  const Json model = {{"type", "BPE"}, {"vocab", ids}, {"merges", merges}};
  const std::string bos = settings.token("bos_token", roberta ? "<s>" : "<|endoftext|>");
  const std::string eos = settings.token("eos_token", roberta ? "</s>" : "<|endoftext|>");
  const Json added = settings.added_tokens(ids, {bos, eos});
  Json around = around_text(settings.flag("add_bos_token", false) ? bos : "",
                            settings.flag("add_eos_token", false) ? eos : "", ids, vocabulary);
  if (roberta) {
    around = {{"type", "RobertaProcessing"},
              {"cls", token_with_id(settings.token("cls_token", "<s>"), ids, vocabulary)},
              {"sep", token_with_id(settings.token("sep_token", "</s>"), ids, vocabulary)},
              {"trim_offsets", true},
              {"add_prefix_space", settings.flag("add_prefix_space", false)}};
  }
  return Json({{"version", "1.0"},
               {"added_tokens", added},
               {"normalizer", qwen ? Json({{"type", "NFC"}}) : Json()},
               {"pre_tokenizer",
                qwen ? cut_by(qwen2_words) : byte_level(true, settings.flag("add_prefix_space", false))},
               {"post_processor", around},
               {"decoder", byte_level(true)},
               {"model", model}})
      .dump();
}

std::string translate_wordpiece(const std::filesystem::path& file, const FolderSettings& settings) {
  std::map<std::string, int64_t> ids;
  int64_t id = 0;
  // A name that comes again takes the later id, as in the reference's dictionary.
  for (const std::string& line : read_lines(file)) ids[line] = id++;
  const bool lowercase = settings.flag("do_lower_case", true);
  const std::string unknown = settings.token("unk_token", "[UNK]"), cls = settings.token("cls_token", "[CLS]"),
                    sep = settings.token("sep_token", "[SEP]");
  const Json model = {{"type", "WordPiece"},
                      {"vocab", ids},
                      {"unk_token", unknown},
                      {"continuing_subword_prefix", "##"},
                      {"max_input_chars_per_word", 100}};
  const Json added = settings.added_tokens(ids, {unknown, cls, sep, "[PAD]", "[MASK]"});
  return Json({{"version", "1.0"},
               {"added_tokens", added},
               {"normalizer",
                {{"type", "BertNormalizer"},
                 {"clean_text", true},
                 {"handle_chinese_chars", settings.flag("tokenize_chinese_chars", true)},
                 {"strip_accents", settings.flag("strip_accents", lowercase)},
                 {"lowercase", lowercase}}},
               {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
               {"post_processor",
                {{"type", "BertProcessing"},
                 {"cls", token_with_id(cls, ids, file)},
                 {"sep", token_with_id(sep, ids, file)}}},
               {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
               {"model", model}})
      .dump();
}

}  // namespace foretell::tokenization
