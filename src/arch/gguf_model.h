// GGUF files as checkpoints under the names that their families publish.
#pragma once

#include "checkpoint/checkpoint.h"

namespace foretell {

// Throws Error where anything is missing, broken, contradictory or not supported. `tokenizer_texts` false: those of
// the checkpoint stay empty, since writing a large tokenizer.json takes its time and memory.
Checkpoint open_gguf(const std::filesystem::path& path, const OpenOptions& options, bool tokenizer_texts = true);

// A file that begins as GGUF files do, or is called so.
bool is_gguf(const std::filesystem::path& path);

}  // namespace foretell
