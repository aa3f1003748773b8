// Any bytes: a GGUF file is read and its tokenizer translated, or an Error says why not.
#include <cstddef>
#include <cstdint>

#include "checkpoint/gguf.h"
#include "checkpoint/gguf_tokenizer.h"
#include "checkpoint/stored_matrix.h"
#include "foretell/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const foretell::GgufFile file = foretell::parse_gguf({reinterpret_cast<const std::byte*>(data), size}, "fuzz.gguf");
    for (const auto& [name, view] : file.tensors) {
      if (view.shape.size() > 2) continue;
      const auto matrix = foretell::StoredMatrix::of(view, name);
      std::vector<float> row(static_cast<size_t>(matrix.cols()));
      matrix.read_row(matrix.rows() - 1, row.data());
      if (!matrix.grouped()) continue;
      std::vector<uint8_t> codes(row.size());
      std::vector<float> scales(row.size() / static_cast<size_t>(matrix.group_size())), biases(scales.size());
      matrix.read_groups(matrix.rows() - 1, codes.data(), scales.data(), biases.data());
    }
    foretell::translate_tokenizer(file.metadata, "fuzz.gguf");
  } catch (const foretell::Error&) {
  }
  return 0;
}
