// Opens a model of any format that is known, under the names that its family publishes.
#pragma once

#include <string>

#include "arch/family.h"
#include "checkpoint/checkpoint.h"

namespace foretell {

// A folder, or a .safetensors, .json or .gguf file. Throws Error.
Checkpoint open_model(const std::filesystem::path& path, const OpenOptions& options = {});

// The name that a published name has in this checkpoint: folders leave the family's prefix out at times, and the text
// part of a model that also sees or hears has a prefix of its own.
std::string stored_name(const Family& family, const Checkpoint& checkpoint, const std::string& published);

}  // namespace foretell
