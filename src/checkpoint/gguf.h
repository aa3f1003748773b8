// GGUF as it lies on disk: its metadata, and its tensors under the names that GGUF gives them. Versions 2 and 3, little
// endian. The format: ggml's docs/gguf.md, and gguf.cpp for what its reader checks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/mapped_file.h"
#include "checkpoint/checkpoint.h"

namespace foretell {

struct GgufFile {
  std::filesystem::path path;
  // One object, {"llama.block_count": 30, ...}. A 32-bit float is the shortest decimal that gives it back (1e-05).
  Json metadata;
  std::map<std::string, TensorView, std::less<>> tensors;  // "blk.0.attn_q.weight", shapes as [outputs, inputs]
  std::shared_ptr<const MappedFile> storage;               // keeps the tensors' bytes alive
};

// The types of tensors that can be read, in the order of ggml's numbers.
std::vector<DType> gguf_types();

// Maps the file and reads its header; the tensors' bytes stay in the mapping. Throws Error with the byte offset, key or
// tensor where anything is missing, broken or of a type that is not supported.
GgufFile read_gguf(const std::filesystem::path& path);

// The same from bytes in memory, which must outlive the result; `path` names them in errors.
GgufFile parse_gguf(std::span<const std::byte> bytes, const std::filesystem::path& path);

}  // namespace foretell
