#include "arch/open_model.h"

#include "arch/expert_stacks.h"
#include "arch/gguf_model.h"

namespace foretell {

Checkpoint open_model(const std::filesystem::path& path, const OpenOptions& options) {
  if (is_gguf(path)) return open_gguf(path, options);
  Checkpoint checkpoint = open_checkpoint(path, options);
  split_expert_stacks(checkpoint);
  return checkpoint;
}

std::string stored_name(const Family& family, const Checkpoint& checkpoint, const std::string& published) {
  const auto there = [&](const std::string& name) { return checkpoint.find(name) != nullptr; };
  if (there(published)) return published;
  // The text part of a model that also sees or hears.
  if (const std::string name = "language_model." + published; there(name)) return name;
  if (!published.starts_with(family.base_prefix)) return published;
  const std::string bare = published.substr(family.base_prefix.size());
  for (const char* prefix : {"", "model.language_model.", "language_model.", "model.text_model."})
    if (there(prefix + bare)) return prefix + bare;
  return published;
}

}  // namespace foretell
