// Any bytes as a tokenizer.json: an error, or a tokenizer that reads and writes any text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "foretell/error.h"
#include "foretell/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto tokenizer = foretell::Tokenizer::from_json(bytes, "fuzz");
    // The file's own end is a text that has to do with it.
    const std::string_view tail = bytes.substr(size > 100 ? size - 100 : 0);
    for (const std::string_view text : {std::string_view("Hello, wörld! 12 e\u0301\u4f60 <s>\xff\n"), tail}) {
      const auto ids = tokenizer.encode(text);
      if (tokenizer.encode(text, {.part_bytes = 8}) != ids) std::abort();
      tokenizer.encode_with_offsets(text, {.parse_special = false});
      tokenizer.decode(ids);
      for (foretell::TokenId id : ids) tokenizer.token_bytes(id);
    }
    const foretell::TokenId some[] = {0, 1, 2, 3, 4, 5, -1};
    tokenizer.decode(some, true);
  } catch (const foretell::Error&) {
  }
  return 0;
}
