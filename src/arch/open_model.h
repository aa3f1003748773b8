// Opens a model of any format that is known, under the names that its family publishes.
#pragma once

#include "checkpoint/checkpoint.h"

namespace foretell {

// A folder, or a .safetensors, .json or .gguf file. Throws Error.
Checkpoint open_model(const std::filesystem::path& path, const OpenOptions& options = {});

// The file that the checkpoint's config came from, for errors.
std::filesystem::path config_file(const Checkpoint& checkpoint);

}  // namespace foretell
