#include "checkpoint/checkpoint.h"
#include "generate/defaults.h"

namespace foretell {

GenerationDefaults generation_defaults(const Checkpoint& checkpoint) {
  try {
    return generation_defaults(checkpoint.generation_config, checkpoint.config);
  } catch (const Error& error) {
    std::filesystem::path file = checkpoint.config_file();
    if (file != checkpoint.path) file.replace_filename("generation_config.json");
    throw error.with({.file = file.string()});
  }
}

}  // namespace foretell
