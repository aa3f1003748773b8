// Any bytes: JSON is read, or an Error says why not.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "foretell/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    foretell::parse_json({reinterpret_cast<const char*>(data), size}, "fuzz.json");
  } catch (const foretell::Error&) {
  }
  return 0;
}
