// safetensors files: an 8-byte little-endian header length, a JSON header, the tensors' bytes.
// The format: https://github.com/huggingface/safetensors#format
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace foretell {

struct SafetensorsTensor {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  int64_t begin = 0, end = 0;  // its bytes, from the beginning of the file
};

// The tensors of a whole file in the order of their bytes. Throws Error where the file is not exactly as the format
// says: all that the reference reader checks, and names that occur twice.
std::vector<SafetensorsTensor> parse_safetensors(std::span<const std::byte> file, const std::filesystem::path& path);

// Maps one file and adds its tensors to the checkpoint. Throws Error where one is there already.
void add_safetensors_file(const std::filesystem::path& path, Checkpoint& checkpoint);

// The weight_map of a model.safetensors.index.json: the file of each tensor, below the index's folder.
std::map<std::string, std::string> parse_safetensors_index(std::string_view text, const std::filesystem::path& path);

// Adds the tensors of all shards of a model.safetensors.index.json, or of another index of this form whose shards
// `add_file` adds.
void add_shards(const std::filesystem::path& index, Checkpoint& checkpoint,
                void (*add_file)(const std::filesystem::path&, Checkpoint&) = add_safetensors_file);

}  // namespace foretell
