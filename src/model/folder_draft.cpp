#include "model/folder_draft.h"

#include <set>
#include <string>
#include <string_view>

#include "checkpoint/writer.h"
#include "foretell/error.h"

namespace foretell {
namespace {

// Files of a published folder that say something about the model, beside config.json and the weights.
bool is_companion(const std::string& name) {
  static const std::set<std::string_view> names = {"tokenizer.json",
                                                   "tokenizer_config.json",
                                                   "special_tokens_map.json",
                                                   "added_tokens.json",
                                                   "vocab.json",
                                                   "merges.txt",
                                                   "vocab.txt",
                                                   "tokenizer.model",
                                                   "chat_template.jinja",
                                                   "chat_template.json",
                                                   "generation_config.json"};
  return names.contains(name) || name.starts_with("LICENSE") || name.starts_with("NOTICE") ||
         name.starts_with("USE_POLICY");
}

}  // namespace

void write_companions(const Checkpoint& checkpoint, const std::filesystem::path& folder) {
  if (checkpoint.format != "gguf") {
    for (const auto& entry : std::filesystem::directory_iterator(checkpoint.config_file().parent_path()))
      if (entry.is_regular_file() && is_companion(entry.path().filename().string()))
        std::filesystem::copy_file(entry.path(), folder / entry.path().filename());
    return;
  }
  const auto write = [&](const char* name, const std::string& text) {
    if (!text.empty()) write_text_file(folder / name, text);
  };
  write("tokenizer.json", checkpoint.tokenizer_json);
  write("tokenizer_config.json", checkpoint.tokenizer_config_json);
  write("chat_template.jinja", checkpoint.chat_template);
  if (checkpoint.generation_config.is_object())
    write("generation_config.json", checkpoint.generation_config.dump(2) + "\n");
}

FolderDraft::FolderDraft(const std::filesystem::path& folder)
    : folder_(std::filesystem::absolute(folder).lexically_normal()) {
  if (!folder_.has_filename()) folder_ = folder_.parent_path();  // "out/"
  if (std::filesystem::exists(folder_) && !std::filesystem::is_empty(folder_))
    throw Error({.what = "the folder to write to exists and is not empty", .file = folder.string()});
  draft_ = folder_.parent_path() / ("." + folder_.filename().string() + ".tmp");
  std::filesystem::remove_all(draft_);
  std::filesystem::create_directories(draft_);
}

FolderDraft::~FolderDraft() {
  std::error_code ignored;
  if (!draft_.empty()) std::filesystem::remove_all(draft_, ignored);
}

void FolderDraft::finish() {
  std::filesystem::rename(draft_, folder_);
  draft_.clear();
}

}  // namespace foretell
