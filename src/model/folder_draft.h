// A model folder in the making.
#pragma once

#include <filesystem>

#include "checkpoint/checkpoint.h"

namespace foretell {

// A new folder beside the one that is to be, which takes its name when all is there, and is gone otherwise. Throws
// Error, or std::filesystem::filesystem_error.
class FolderDraft {
 public:
  // `folder` must not exist, or be empty.
  explicit FolderDraft(const std::filesystem::path& folder);
  ~FolderDraft();
  FolderDraft(const FolderDraft&) = delete;
  FolderDraft& operator=(const FolderDraft&) = delete;

  const std::filesystem::path& path() const { return draft_; }
  void finish();

 private:
  std::filesystem::path folder_, draft_;
};

// What a published folder holds beside config.json and the weights: tokenizer, chat template, generation settings and
// licences, copied or, for GGUF, written.
void write_companions(const Checkpoint& checkpoint, const std::filesystem::path& folder);

}  // namespace foretell
