#include "arch/open_model.h"

#include "arch/gguf_model.h"

namespace foretell {

Checkpoint open_model(const std::filesystem::path& path, const OpenOptions& options) {
  return is_gguf(path) ? open_gguf(path, options) : open_checkpoint(path, options);
}

std::string stored_name(const Family& family, const Checkpoint& checkpoint, const std::string& published) {
  if (checkpoint.find(published) != nullptr || !published.starts_with(family.base_prefix)) return published;
  const std::string bare = published.substr(family.base_prefix.size());
  return checkpoint.find(bare) != nullptr ? bare : published;
}

}  // namespace foretell
