// Any bytes: JSON weights are read, or an Error says why not. What is read has as many values as its shape asks for.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "checkpoint/json_weights.h"
#include "foretell/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    for (const auto& tensor : foretell::parse_json_weights({reinterpret_cast<const char*>(data), size}, "model.json")) {
      size_t values = 1;
      for (const int64_t n : tensor.shape) values *= static_cast<size_t>(n);
      if (values != tensor.values.size()) std::abort();
      for (const float value : tensor.values)
        if (!std::isfinite(value)) std::abort();
    }
  } catch (const foretell::Error&) {
  }
  return 0;
}
