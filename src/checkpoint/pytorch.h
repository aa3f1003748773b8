// pytorch_model.bin: the tensors that torch.save wrote, read without running anything. A pickle may name tensors, their
// storages and dtypes, parameters and ordered dictionaries; anything else is an error that says what it names.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace foretell {

struct PytorchTensors {
  std::map<std::string, TensorView> tensors;         // views of the file, or of what is kept
  std::vector<std::shared_ptr<const void>> storage;  // of tensors whose elements do not lie one after the other
};

// Both of torch.save's formats: a zip file (since PyTorch 1.6) with the pickle in data.pkl and each storage a stored
// member, and the older one, pickles followed by the storages. The file is a dictionary of tensors; `file` outlives
// the views. Throws Error.
PytorchTensors parse_pytorch(std::span<const std::byte> file, const std::filesystem::path& path);

// Maps one file and adds its tensors to the checkpoint. Throws Error where one is there already.
void add_pytorch_file(const std::filesystem::path& path, Checkpoint& checkpoint);

}  // namespace foretell
