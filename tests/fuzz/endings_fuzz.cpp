// Any bytes: a file of endings is read, or an Error says why not.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "foretell/error.h"
#include "generate/endings.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    for (const auto& question : foretell::parse_endings(text, "It is", "fuzz.jsonl"))
      for (const auto& ending : question.endings) foretell::joined_ending(question.beginning, ending);
  } catch (const foretell::Error&) {
  }
  return 0;
}
