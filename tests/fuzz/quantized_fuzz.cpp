// A line of JSON, config.json's, and the bytes of a safetensors file: the layers' tensors are joined and every number
// of them can be read, or an Error says why not.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "checkpoint/quantized_formats.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/stored_matrix.h"

using namespace foretell;

namespace {

void read_all(const StoredMatrix& matrix) {
  const auto cols = static_cast<size_t>(matrix.cols());
  std::vector<float> row(cols), scales(cols), biases(cols);
  std::vector<uint8_t> codes(cols);
  for (int64_t r = 0; r < matrix.rows(); r++) {
    matrix.read_row(r, row.data());
    if (!matrix.grouped()) continue;
    matrix.read_groups(r, codes.data(), scales.data(), biases.data());
    for (const uint8_t code : codes)
      if (code >= 1 << matrix.bits()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const auto file = std::as_bytes(std::span(data, size)).subspan(line + 1);
  try {
    Checkpoint checkpoint;
    checkpoint.config = parse_json(text.substr(0, line), "config.json");
    if (!checkpoint.config.is_object()) return 0;
    for (const SafetensorsTensor& t : parse_safetensors(file, "fuzz.safetensors")) {
      TensorView view;
      view.dtype = t.dtype;
      view.shape = t.shape;
      view.bytes = file.subspan(static_cast<size_t>(t.begin), static_cast<size_t>(t.end - t.begin));
      checkpoint.tensors.emplace(t.name, std::move(view));
    }
    join_quantized_tensors(checkpoint);
    for (const auto& [name, view] : checkpoint.tensors)
      if (view.quantized) read_all(StoredMatrix::of(view, name));
  } catch (const Error&) {
  }
  return 0;
}
