// A model that is looked at: its config, and its weights where it has some.
#pragma once

#include <filesystem>

#include "arch/family.h"
#include "checkpoint/checkpoint.h"

namespace foretell::cli {

struct InspectedModel {
  std::filesystem::path path;
  Checkpoint checkpoint;
  const Family* family = nullptr;
  ModelSpec spec;
  bool weights = false;  // false: config.json alone
};

InspectedModel open_inspected(const std::filesystem::path& path);

}  // namespace foretell::cli
