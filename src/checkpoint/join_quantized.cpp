#include <array>
#include <functional>

#include "checkpoint/quantized_formats.h"

namespace foretell {
namespace {

struct Method {
  const char* name;  // quant_method
  void (*join)(Checkpoint& checkpoint, const QuantizationConfig& config);
};

constexpr std::array methods = {
    Method{"fp8", join_float8},
    Method{"fbgemm_fp8", [](Checkpoint& c, const QuantizationConfig&) { join_float8(c, {}, true); }},
    Method{"mxfp4", [](Checkpoint& c, const QuantizationConfig&) { join_mxfp4(c); }},
    Method{"gptq", join_gptq},
    Method{"awq", join_awq},
    Method{"compressed-tensors", join_compressed_tensors},
    Method{"bitsandbytes", [](Checkpoint& c, const QuantizationConfig&) { join_bitsandbytes(c); }},
};

}  // namespace

std::vector<std::string> quantization_methods() {
  std::vector<std::string> names;
  for (const Method& method : methods) names.emplace_back(method.name);
  return names;
}

void join_quantized_tensors(Checkpoint& checkpoint) {
  const auto config = QuantizationConfig::of(checkpoint);
  if (!config || config->method().empty()) return join_float8(checkpoint, {}, false);
  std::string known;
  for (const Method& method : methods)
    if (config->method() == method.name) return method.join(checkpoint, *config);
  for (const std::string& name : quantization_methods()) known += (known.empty() ? "" : ", ") + name;
  throw config->error("quant_method", "unknown quantization method",
                      "one of " + known + ", or affine groups as MLX writes them (bits, group_size, no quant_method)");
}

}  // namespace foretell
