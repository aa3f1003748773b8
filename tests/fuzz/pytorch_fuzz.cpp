// Any bytes: a file of torch.save is read, or an Error says why not. What is read lies in the file or in what is kept.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "checkpoint/pytorch.h"
#include "foretell/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto file = std::as_bytes(std::span(data, size));
    const foretell::PytorchTensors found = foretell::parse_pytorch(file, "fuzz.bin");
    unsigned sum = 0;
    for (const auto& [name, tensor] : found.tensors) {
      if (foretell::tensor_bytes(tensor.dtype, tensor.shape) != static_cast<int64_t>(tensor.bytes.size())) std::abort();
      for (const std::byte byte : tensor.bytes) sum += static_cast<unsigned>(byte);
    }
    volatile unsigned read = sum;
    static_cast<void>(read);
  } catch (const foretell::Error&) {
  }
  return 0;
}
