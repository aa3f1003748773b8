// Quantized folders whose tensors are missing, do not fit one another or contradict config.json.
#include <catch2/catch.hpp>

#include "checkpoint/stored_matrix.h"
#include "checkpoint/writer.h"
#include "foretell/error.h"
#include "temp_folder.h"

using namespace foretell;

namespace {

struct Tensor {
  DType dtype;
  std::vector<int64_t> shape;
  uint8_t fill = 0;
};
using Tensors = std::map<std::string, Tensor>;

Tensors with(Tensors tensors, const std::string& name, Tensor tensor) {
  tensors[name] = std::move(tensor);
  return tensors;
}

Tensors without(Tensors tensors, const std::string& name) {
  tensors.erase(name);
  return tensors;
}

struct Case {
  std::string quantization;  // config.json's quantization_config
  Tensors tensors;
  std::string expected;  // the error, or what the matrix l.weight says it is
};

std::string outcome(const Case& c) {
  const TempFolder folder;
  folder.write("config.json", "{\"quantization_config\":" + c.quantization + "}");
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, tensor] : c.tensors)
    tensors.push_back({name, tensor.dtype, tensor.shape, [fill = tensor.fill](std::span<std::byte> out) {
                         std::fill(out.begin(), out.end(), std::byte{fill});
                       }});
  write_safetensors(folder.path(), tensors, {});
  try {
    const Checkpoint checkpoint = open_checkpoint(folder.path());
    return StoredMatrix::find(checkpoint, "l.weight").describe();
  } catch (const Error& error) {
    return folder.relative(error.what());
  }
}

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.quantization);
    CHECK(outcome(c) == c.expected);
  }
}

// Eight outputs of 64 inputs.
const Tensors gptq = {{"l.qweight", {DType::I32, {8, 8}}},
                      {"l.qzeros", {DType::I32, {2, 1}}},
                      {"l.scales", {DType::F16, {2, 8}}},
                      {"l.g_idx", {DType::I32, {64}}}};
constexpr const char* gptq4 = R"({"quant_method":"gptq","bits":4,"group_size":32})";

}  // namespace

TEST_CASE("GPTQ folders that do not fit") {
  check({
      {gptq4, gptq, "GPTQ 4-bit, groups of 32 in the order of activations"},
      {gptq4, without(gptq, "l.g_idx"), "GPTQ 4-bit, groups of 32"},
      {R"({"quant_method":"gptq","bits":5,"group_size":32})", gptq,
       "config.json: unknown quantization (where: quantization_config.bits; expected one of 2, 3, 4, 8, found 5)"},
      {R"({"quant_method":"gptq","group_size":32})", gptq,
       "config.json: key is missing (where: quantization_config.bits; expected one of 2, 3, 4, 8)"},
      {R"({"quant_method":"gptq","bits":4,"group_size":0})", gptq,
       "config.json: unknown quantization (where: quantization_config.group_size; expected -1, or at least 1, found "
       "0)"},
      {R"({"quant_method":"gptq","bits":4,"checkpoint_format":"marlin"})", gptq,
       "config.json: unknown quantization (where: quantization_config.checkpoint_format; expected one of gptq, "
       "gptq_v2, found \"marlin\")"},
      {gptq4, without(gptq, "l.scales"), ": tensor is missing (where: l.scales)"},
      {gptq4, without(gptq, "l.qzeros"), ": tensor is missing (where: l.qzeros)"},
      {gptq4, with(gptq, "l.scales", {DType::F16, {4, 8}}),
       "model.safetensors: shape does not fit the layer's other tensors (where: l.scales; expected [2, 8], found [4, "
       "8])"},
      {gptq4, with(gptq, "l.qzeros", {DType::I32, {2, 0}}),
       "model.safetensors: unexpected shape (where: l.qzeros; expected dimensions of 1 to 2^40, found [2, 0])"},
      {gptq4, with(gptq, "l.qzeros", {DType::I32, {1, 1}}),
       "model.safetensors: shape does not fit the layer's other tensors (where: l.qzeros; expected [2, 1], found [1, "
       "1])"},
      {gptq4, with(gptq, "l.qweight", {DType::F32, {8, 8}}),
       "model.safetensors: unexpected dtype (where: l.qweight; expected I32, found F32)"},
      {gptq4, with(gptq, "l.g_idx", {DType::I32, {32}}),
       "model.safetensors: shape does not fit the layer's other tensors (where: l.g_idx; expected [64], found [32])"},
      {gptq4, with(gptq, "l.g_idx", {DType::I32, {64}, 1}),
       "model.safetensors: an input's group is out of range (where: l.g_idx; expected 0 to 1, found 16843009)"},
      {gptq4, with(gptq, "l.weight", {DType::F16, {8, 64}}),
       "model.safetensors: a layer has float weights and quantized ones (where: l.weight; expected one of them, found "
       "l.weight beside its codes)"},
  });
}

TEST_CASE("AWQ folders that do not fit") {
  const Tensors awq = {
      {"l.qweight", {DType::I32, {64, 1}}}, {"l.qzeros", {DType::I32, {2, 1}}}, {"l.scales", {DType::F16, {2, 8}}}};
  const std::string config = R"({"quant_method":"awq","bits":4,"group_size":32})";
  check({
      {config, awq, "AWQ 4-bit, groups of 32"},
      {R"({"quant_method":"awq","bits":4,"group_size":32,"version":"gemv"})", awq,
       "config.json: unknown quantization (where: quantization_config.version; expected one of gemm, GEMM, found "
       "\"gemv\")"},
      {R"({"quant_method":"awq","bits":8,"group_size":32})", awq,
       "config.json: unknown quantization (where: quantization_config.bits; expected one of 4, found 8)"},
      {config, with(awq, "l.scales", {DType::F16, {2, 16}}),
       "model.safetensors: shape does not fit the layer's other tensors (where: l.scales; expected [2, 8], found [2, "
       "16])"},
  });
}

TEST_CASE("FP8 folders that do not fit") {
  const Tensors fp8 = {{"l.weight", {DType::F8E4M3, {8, 64}}}, {"l.weight_scale_inv", {DType::F32, {1, 1}}}};
  const std::string config = R"({"quant_method":"fp8","weight_block_size":[4,32]})";
  check({
      {config, with(fp8, "l.weight_scale_inv", {DType::F32, {2, 2}}), "F8_E4M3, a scale for each block of 4x32"},
      {config, fp8, "F8_E4M3, one scale"},
      {config, without(fp8, "l.weight_scale_inv"),
       "model.safetensors: float8 weights without scales (where: l.weight; expected l.weight_scale_inv or "
       "l.weight_scale, found neither)"},
      {config, with(fp8, "l.weight_scale_inv", {DType::F32, {3, 2}}),
       "model.safetensors: scales do not fit the weights (where: l.weight_scale_inv; expected one for the tensor, each "
       "row or block of 4x32 of [8, 64], found [3, 2])"},
      {R"({"quant_method":"fp8","weight_block_size":[4]})", fp8,
       "config.json: unexpected value (where: quantization_config.weight_block_size; expected two sizes, found [4])"},
      {R"({"quant_method":"fp8","weight_block_size":[0,1]})", fp8,
       "config.json: unexpected value (where: quantization_config.weight_block_size; expected a list of positive "
       "numbers, found [0,1])"},
  });
}

TEST_CASE("MXFP4 folders that do not fit") {
  const Tensors mxfp4 = {{"l.weight_blocks", {DType::U8, {2, 3, 1, 16}}}, {"l.weight_scales", {DType::U8, {2, 3, 1}}}};
  const std::string config = R"({"quant_method":"mxfp4"})";
  check({
      {config, mxfp4, "MXFP4"},
      {config, with(mxfp4, "l.weight_scales", {DType::U8, {2, 3, 1}, 255}),
       "model.safetensors: a scale is out of range (where: l.weight_scales; expected an exponent of at most 250, found "
       "255)"},
      {config, with(mxfp4, "l.weight_blocks", {DType::U8, {2, 3, 1, 32}}),
       "model.safetensors: unexpected shape (where: l.weight_blocks; expected [experts, rows, groups, 16], found [2, "
       "3, 1, 32])"},
      {config, without(mxfp4, "l.weight_scales"), ": tensor is missing (where: l.weight_scales)"},
  });
}

TEST_CASE("compressed-tensors folders that do not fit") {
  const Tensors packed = {{"l.weight_packed", {DType::I32, {1, 1}}},
                          {"l.weight_scale", {DType::F16, {1, 1}}},
                          {"l.weight_shape", {DType::I64, {2}, 1}}};
  const std::string config = R"({"quant_method":"compressed-tensors","format":"pack-quantized"})";
  check({
      {config, packed,
       "model.safetensors: a size is out of range (where: l.weight_shape; expected 1 to 2^40, found "
       "72340172838076673)"},
      {config, with(packed, "l.weight_shape", {DType::I32, {2}, 1}),
       "model.safetensors: words do not fit weight_shape (where: l.weight_packed; expected 2, 3, 4, 5, 6 or 8 bits for "
       "each of [16843009, 16843009], found [1, 1])"},
      {config, without(packed, "l.weight_shape"), ": tensor is missing (where: l.weight_shape)"},
      {R"({"quant_method":"compressed-tensors","format":"nvfp4-pack-quantized"})", packed,
       "config.json: unknown quantization (where: quantization_config.format; expected one of dense, pack-quantized, "
       "int-quantized, float-quantized, naive-quantized, mixed-precision, found \"nvfp4-pack-quantized\")"},
      {R"({"quant_method":"compressed-tensors","sparsity_config":{"format":"sparse-24-bitmask"}})", packed,
       "config.json: sparse weights are not known (where: quantization_config.sparsity_config; expected format dense, "
       "found {\"format\":\"sparse-24-bitmask\"})"},
      {config,
       {{"l.weight", {DType::I8, {4, 32}}}, {"l.weight_scale", {DType::F32, {3, 1}}}},
       "model.safetensors: scales do not fit the weights (where: l.weight_scale; expected one, or [rows, groups] for "
       "[4, 32], found [3, 1])"},
  });
}

TEST_CASE("bitsandbytes folders that do not fit") {
  const std::string config = R"({"quant_method":"bitsandbytes","load_in_4bit":true})";
  const Tensors four = {{"l.weight", {DType::U8, {32, 1}}},
                        {"l.weight.absmax", {DType::F32, {1}}},
                        {"l.weight.quant_map", {DType::F32, {16}}},
                        {"l.weight.quant_state.bitsandbytes__nf4", {DType::U8, {3}, '1'}}};
  const Tensors eight = {{"l.weight", {DType::I8, {2, 32}}}, {"l.SCB", {DType::F32, {2}}}};
  check({
      {config, four,
       "model.safetensors: not a quantization's state (where: l.weight.quant_state.bitsandbytes__nf4; expected an "
       "object, found 111)"},
      {config, with(four, "l.weight.quant_map", {DType::F32, {8}}),
       "model.safetensors: size does not fit the layer's other tensors (where: l.weight.quant_map; expected 16 "
       "elements, found [8])"},
      {config,
       {{"l.weight", {DType::U8, {32, 1}}}},
       "model.safetensors: quantized weights without a quantization (where: l.weight; expected "
       "l.weight.quant_state.bitsandbytes__nf4 or __fp4, or SCB, found neither)"},
      {R"({"load_in_8bit":true})", eight, "bitsandbytes 8-bit, one scale a row"},
      {config, with(eight, "l.SCB", {DType::F32, {3}}),
       "model.safetensors: shape does not fit the layer's other tensors (where: l.SCB; expected [2], found [3])"},
      {config, with(eight, "l.weight_format", {DType::U8, {}, 1}),
       "model.safetensors: an order of the weights that is not known (where: l.weight_format; expected 0, by rows, "
       "found another for a certain GPU)"},
  });
}
