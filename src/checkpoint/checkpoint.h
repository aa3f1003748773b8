// A model as it lies on disk: its config and its named tensors, whatever the format. Everything behind this header
// (safetensors, JSON weights, GGUF) ends up as one Checkpoint.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/dtype.h"

namespace foretell {

class QuantizedTensor;
struct LowRankUpdate;

// A stored tensor; never owns its bytes (Checkpoint::storage does).
struct TensorView {
  DType dtype = DType::F32;
  std::vector<int64_t> shape;  // as published: a matrix is [outputs, inputs]; row-major, the last one is contiguous
  std::span<const std::byte> bytes;  // exactly what dtype and shape ask for; not always aligned to the dtype
  std::filesystem::path file;        // where it lies, for errors
  bool mapped = false;               // the bytes lie in a file's mapping, so their pages may be let go
  int64_t interleaved_heads = 0;     // GGUF's order of rotary rows: within each of this many heads, row 2i is the
                                     // published row i and row 2i+1 is row i + head_dim/2. 0: as published
  // Not null: a matrix that several tensors make up (quantized_tensor.h). The shape is the matrix's; dtype and bytes
  // are those of its codes and mean nothing to others.
  std::shared_ptr<const QuantizedTensor> quantized = {};
  std::vector<std::shared_ptr<const LowRankUpdate>> updates = {};  // what adapters add, in order (adapter.h)
  float offset = 0;  // a number that the format has added to every element (GGUF's Gemma norms: 1)

  int64_t elements() const;
  // Part `index` of `count` equal ones along the first dimension, which the part's shape does not have; `count` divides
  // the bytes.
  TensorView part(int64_t index, int64_t count) const;
};

struct Checkpoint {
  std::filesystem::path path;  // the folder or file it was opened from
  std::string format;          // "safetensors", "pytorch", "json", "gguf"; empty without weights
  Json config;                 // config.json's object; GGUF's metadata in the same spelling
  Json generation_config;      // generation_config.json's object, or null
  std::map<std::string, TensorView, std::less<>> tensors;  // by the names of the published folder
  std::vector<std::shared_ptr<const void>> storage;        // keeps the views' bytes alive
  // Only where no file has them (GGUF): the texts of tokenizer.json, tokenizer_config.json and the chat template; else
  // empty.
  std::string tokenizer_json, tokenizer_config_json, chat_template;
  std::map<std::string, std::string> named_chat_templates;  // GGUF's others: "tool_use"

  const TensorView* find(std::string_view name) const;
  // Throws Error where it is missing; the near names are the hint.
  const TensorView& at(std::string_view name) const;
  // The file that config came from, for errors.
  std::filesystem::path config_file() const;
};

struct OpenOptions {
  bool tensors = true;  // false: config.json alone will do, and weights are not opened even where there are some
  // false: a GGUF file's tokenizer is not written as tokenizer.json, which takes its time and memory where it is large
  bool tokenizer = true;
};

// A folder (config.json with model.safetensors, model.safetensors.index.json and shards, the same as pytorch_model.bin,
// or model.json), a .safetensors, .bin, .pt, .pth or .json file (with the config.json beside it). GGUF files are opened
// by open_model (arch/open_model.h), which also knows names. Reads headers only; the tensors' bytes stay in the
// mapping.
Checkpoint open_checkpoint(const std::filesystem::path& path, const OpenOptions& options = {});

}  // namespace foretell
