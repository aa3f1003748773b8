// Any bytes: the index of a sharded model is read, or an Error says why not. No shard lies outside of its folder.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "checkpoint/safetensors.h"
#include "foretell/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const auto& [tensor, shard] : foretell::parse_safetensors_index(text, "model.safetensors.index.json")) {
      const auto path = ("folder" / std::filesystem::path(shard)).lexically_normal();
      if (*path.begin() != "folder") std::abort();
    }
  } catch (const foretell::Error&) {
  }
  return 0;
}
