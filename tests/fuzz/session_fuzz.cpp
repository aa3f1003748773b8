// Any bytes: a session's parts, or an Error says why not.
#include <cstddef>
#include <cstdint>
#include <span>

#include "foretell/error.h"
#include "model/session_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto parts = foretell::parse_session(std::as_bytes(std::span(data, size)), "fuzz.session");
    uint64_t sum = 0;  // what is promised can be read
    for (const auto part : {parts.blocks, parts.state}) sum += foretell::session_checksum(0, part);
    if (sum == 1 && parts.ids.empty()) return 0;
  } catch (const foretell::Error&) {
  }
  return 0;
}
