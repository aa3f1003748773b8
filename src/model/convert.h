// Writes a model of any format that is read as the folder of a published model: config.json, safetensors and the
// tokenizer's files.
//
// Nothing is lost unless that is asked for: floats and MLX's groups are copied, and GGUF's blocks become MLX's affine
// groups of 32 with the same values to the last bit (Q4_0: scale d, bias -8d; Q4_1: d, m; Q5_0: d, -16d; Q5_1: d, m;
// Q8_0: codes q + 128, d, -128d; the others as checkpoint/gguf_blocks.h says), with scales in F16 where all of a
// matrix's can be, else in F32. So do the formats of quantized folders whose numbers are such groups (GPTQ, AWQ, MXFP4,
// whole numbers of compressed-tensors and bitsandbytes). What no such groups hold (Q2_K, Q6_K and their like, FP8 with
// scales, NF4, GPTQ in the order of activations) becomes F32. What GGUF changes (rotary rows, Gemma's norms, the
// direction of GPT-2's matrices) is changed back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "model/calibration_text.h"

namespace foretell {

struct ConvertOptions {
  // F32, F16 or BF16: what is not in groups becomes floats of this type, and so do the groups' scales and biases.
  std::optional<DType> dtype = {};
  // 2, 3, 4, 5, 6 or 8: matrices of floats become affine groups, and so do groups of more bits; those that have no more
  // are kept. 0: groups are kept or, where `dtype` is given, become floats.
  int quantize_bits = 0;
  int64_t group_size = 64;  // inputs that share a scale then: 32, 64 or 128
  int64_t max_shard_bytes = int64_t{5} << 30;
  // Where there is a text, rounding to groups makes little error in what matrices compute of it
  // (model/error_feedback.h), and `calibrating` hears how many of its tokens were read.
  CalibrationText calibration = {};
  std::function<void(int64_t done, int64_t total)> calibrating = {};
  int threads = 0;                                                 // 0: the physical cores that the process may use
  std::function<void(int64_t done, int64_t total)> progress = {};  // bytes
};

struct ConvertReport {
  int64_t tensors = 0, bytes = 0;           // written
  std::vector<std::string> left_as_floats;  // matrices whose inputs are no multiple of the group size
  std::vector<std::string> decoded;         // quantized tensors that became floats
};

// `checkpoint` as open_model gives it, with its tensors. `folder` must not exist, or be empty: all is written beside it
// and renamed when it is whole. Throws Error, also for options out of range, weights that are not finite where they are
// rounded to groups, and finite ones that would become infinite.
//
// Rounding (quantize_bits): each group on the grid that checkpoint/quantize.h finds. Embeddings are rounded too;
// routers, norms, biases and learned positions are not. The same files on every machine, whatever the number of
// threads.
ConvertReport convert(const Checkpoint& checkpoint, const std::filesystem::path& folder,
                      const ConvertOptions& options = {});

}  // namespace foretell
