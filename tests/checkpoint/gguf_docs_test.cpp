// docs/gguf.md shows what the code has: its tables are compared with the code's own.
#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

#include "base/mapped_file.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_blocks.h"
#include "checkpoint/gguf_pre_tokenizer.h"

using namespace foretell;

namespace {

std::string page() { return read_text_file(FORETELL_SOURCE_DIR "/docs/gguf.md"); }

std::string use_of(DType dtype) {
  if (is_float(dtype)) return "as it is";
  if (!is_block(dtype)) return "listed only";
  const auto codes = block_codes(dtype);
  if (!codes) return "rounded to 8 bits; float32 at exact precision";
  return std::to_string(codes->bits) + "-bit groups of 32, scales in " + std::string(info(codes->scale_dtype).name);
}

std::string type_row(DType dtype) {
  const DTypeInfo& type = info(dtype);
  char bits[16];
  std::snprintf(bits, sizeof bits, "%.4g", 8.0 * type.block_bytes / type.block_elements);
  return "| " + std::string(type.name) + " | " + std::to_string(type.block_elements) + " | " + bits + " | " +
         use_of(dtype) + " |\n";
}

}  // namespace

TEST_CASE("docs/gguf.md lists the types of tensors as the code has them") {
  std::string table = "| type | weights in a block | bits a weight | used |\n| --- | --- | --- | --- |\n";
  for (const DType dtype : gguf_types()) table += type_row(dtype);
  INFO(table);
  CHECK(page().find("\n" + table + "\n") != std::string::npos);
}

TEST_CASE("docs/gguf.md lists the names of pre-tokenizers as the code has them") {
  std::string names;
  for (const std::string_view name : pre_tokenizer_names()) names += (names.empty() ? "" : " ") + std::string(name);
  std::string text = page();
  const size_t begin = text.find("<!-- names -->\n");
  REQUIRE(begin != std::string::npos);
  text = text.substr(begin + 15, text.find("\n\n", begin) - begin - 15);
  for (char& c : text)
    if (c == '\n') c = ' ';
  INFO(names);
  CHECK(text == names);
}
