// Which model a person means: a path, the name of a model in some folders, or an id of the Hugging Face hub.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace foretell {

// The first of these that is there:
// - `name` as a path, or as a path below one of the folders;
// - a model (a folder with config.json, or a .gguf file) in one of the folders whose name is `name` but for upper and
//   lower case and '-', '_' and '.'; or else the only one whose name begins with it, or else has it inside;
// - the hub id org/name (or a name alone, as the oldest models have) in the hub's cache: the snapshot of its main
//   branch. See https://huggingface.co/docs/huggingface_hub/guides/manage-cache for the layout.
// Throws Error where there is none, with the near names as the hint, or where several are meant alike. An empty
// `hub_cache` stands for none.
std::filesystem::path locate_model(const std::string& name, const std::vector<std::filesystem::path>& search_folders,
                                   const std::filesystem::path& hub_cache);

}  // namespace foretell
