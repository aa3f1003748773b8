// Any bytes: a safetensors file is read, or an Error says why not. What is read lies in the file, without gaps.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "checkpoint/safetensors.h"
#include "foretell/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto file = std::as_bytes(std::span(data, size));
    const auto tensors = foretell::parse_safetensors(file, "fuzz.safetensors");
    auto end = static_cast<int64_t>(size);
    for (auto tensor = tensors.rbegin(); tensor != tensors.rend(); ++tensor) {
      if (tensor->end != end || tensor->begin < 8 || tensor->begin > end) std::abort();
      if (foretell::tensor_bytes(tensor->dtype, tensor->shape) != tensor->end - tensor->begin) std::abort();
      end = tensor->begin;
    }
  } catch (const foretell::Error&) {
  }
  return 0;
}
