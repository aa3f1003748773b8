// Any bytes as a tokenizer.model or a list of ranks: an error, or a tokenizer that reads and writes texts.
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "foretell/error.h"
#include "foretell/tokenizer.h"
#include "tokenizer/folder_settings.h"

using namespace foretell;
using namespace foretell::tokenization;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const FolderSettings settings(std::filesystem::path("/nonexistent"));
  const auto use = [&](auto translate) {
    try {
      const Tokenizer tokenizer = Tokenizer::from_json(translate(), "fuzz");
      const auto ids = tokenizer.encode("Hello, wörld! 12 e\u0301\u4f60 <s>  \xff\n");
      tokenizer.encode_with_offsets("  a the\u3000b ");
      tokenizer.decode(ids);
    } catch (const Error&) {
    }
  };
  use([&] { return translate_sentencepiece("tokenizer.model", bytes, settings); });
  use([&] { return translate_ranks("tokenizer.model", bytes, settings); });
  return 0;
}
