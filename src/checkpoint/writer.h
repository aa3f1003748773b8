// Writes a model folder: safetensors in shards of a given size, beside the given texts.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/dtype.h"

namespace foretell {

// A tensor to come: its bytes are asked for when its turn is there, so that a model larger than memory can be written.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::function<void(std::span<std::byte> out)> fill;  // out has exactly the bytes of dtype and shape
};

struct WriteOptions {
  int64_t max_shard_bytes = int64_t{5} << 30;                 // of a file; a larger tensor gets a shard of its own
  std::function<void(int64_t done, int64_t total)> progress;  // bytes
};

// Writes model.safetensors, or model-00001-of-0000N.safetensors and model.safetensors.index.json, in the given order,
// or by width where that would leave elements unaligned. The folder is made if it is not there. Files are written under
// a temporary name, and renamed when all of them are whole. Throws Error, also where the folder holds weights under
// other names, which would contradict the new ones; what was there before stays.
void write_safetensors(const std::filesystem::path& folder, const std::vector<TensorToWrite>& tensors,
                       const WriteOptions& options);

// The same for a text: beside, then renamed.
void write_text_file(const std::filesystem::path& path, const std::string& text);

}  // namespace foretell
