#include "arch/open_model.h"

namespace foretell {

Checkpoint open_model(const std::filesystem::path& path, const OpenOptions& options) {
  return open_checkpoint(path, options);
}

std::filesystem::path config_file(const Checkpoint& checkpoint) {
  if (checkpoint.format == "gguf") return checkpoint.path;
  const bool folder = std::filesystem::is_directory(checkpoint.path);
  return (folder ? checkpoint.path : checkpoint.path.parent_path()) / "config.json";
}

}  // namespace foretell
