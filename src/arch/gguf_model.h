// GGUF files as checkpoints under the names that their families publish.
#pragma once

#include "checkpoint/checkpoint.h"

namespace foretell {

// Throws Error where anything is missing, broken, contradictory or not supported.
Checkpoint open_gguf(const std::filesystem::path& path, const OpenOptions& options);

// A file that begins as GGUF files do, or is called so.
bool is_gguf(const std::filesystem::path& path);

}  // namespace foretell
