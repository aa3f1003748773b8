#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <array>

#include "base/mapped_file.h"
#include "base/near_names.h"
#include "checkpoint/json_weights.h"
#include "checkpoint/pytorch.h"
#include "checkpoint/quantized_formats.h"
#include "checkpoint/safetensors.h"
#include "foretell/error.h"

namespace foretell {
namespace {

namespace fs = std::filesystem;

constexpr const char* single_file = "model.safetensors";
constexpr const char* index_file = "model.safetensors.index.json";
constexpr const char* json_file = "model.json";
constexpr const char* pytorch_file = "pytorch_model.bin";
constexpr const char* pytorch_index_file = "pytorch_model.bin.index.json";
constexpr const char* understood =
    "model.safetensors, model.safetensors.index.json with its shards, pytorch_model.bin or its index, or model.json";

Json read_object(const fs::path& path) {
  Json object = read_json_file(path);
  if (!object.is_object())
    throw Error({.what = "not a JSON object", .file = path.string(), .expected = "{...}", .found = object.type_name()});
  return object;
}

// Names of the folder's files, sorted, for errors.
std::vector<std::string> file_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string name_the_file(const fs::path& path) { return "name the file itself: " + path.string(); }

Error no_config(const fs::path& path, const fs::path& home) {
  ErrorParts parts = {.what = "config.json is missing",
                      .file = path.string(),
                      .expected = "a model's folder: config.json and " + std::string(understood)};
  for (const std::string& name : file_names(home))
    if (parts.hint.empty() && name.ends_with(".gguf")) parts.hint = name_the_file(home / name);
  return Error(parts);
}

bool is_pytorch_name(std::string_view name) {
  return name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth");
}

// No weights under a name that is understood: says what lies there instead.
Error no_weights(const fs::path& folder) {
  constexpr std::array others = {".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx"};
  ErrorParts parts = {.what = "no weights", .file = folder.string(), .expected = understood};
  for (const char* extension : others) {
    for (const std::string& name : file_names(folder)) {
      if (!name.ends_with(extension)) continue;
      parts.found = name;
      if (fs::is_symlink(folder / name) && !file_exists(folder / name))
        parts.hint = "the link leads nowhere: the file itself is missing";
      else if (name.starts_with("model-0") && name.ends_with(".safetensors"))
        parts.hint = "a shard without the index: model.safetensors.index.json is missing";
      else if (name.ends_with(".safetensors") || name.ends_with(".gguf") || is_pytorch_name(name))
        parts.hint = name_the_file(folder / name);
      else
        parts.hint = "weights of another program; most models are published as safetensors too";
      return Error(parts);
    }
  }
  return Error(parts);
}

void open_weights(const fs::path& folder, Checkpoint& checkpoint) {
  const bool index = file_exists(folder / index_file), single = file_exists(folder / single_file);
  const bool json = file_exists(folder / json_file);
  if (json && (index || single))
    throw Error({.what = "two sets of weights",
                 .file = folder.string(),
                 .expected = "one",
                 .found = std::string(json_file) + " and " + (index ? index_file : single_file),
                 .hint = "name the file that is meant"});
  if (json) return add_json_weights(folder / json_file, checkpoint);
  // Folders that have both forms have the same numbers in them.
  if (!index && !single && file_exists(folder / pytorch_index_file))
    return add_shards(folder / pytorch_index_file, checkpoint, add_pytorch_file);
  if (!index && !single && file_exists(folder / pytorch_file))
    return add_pytorch_file(folder / pytorch_file, checkpoint);
  if (!index && !single) throw no_weights(folder);
  if (!index) return add_safetensors_file(folder / single_file, checkpoint);
  add_shards(folder / index_file, checkpoint);
  const bool named = std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                                 [&](const auto& t) { return t.second.file == folder / single_file; });
  if (single && !named)
    throw Error({.what = "two sets of weights",
                 .file = folder.string(),
                 .expected = "one",
                 .found = std::string(single_file) + " and an index that does not name it",
                 .hint = "name the file that is meant"});
}

// model-00001-of-00003.safetensors alone is a part of a model.
void refuse_shard(const fs::path& path) {
  const std::string name = path.stem().string();
  const size_t of = name.rfind("-of-");
  const char* index = is_pytorch_name(path.filename().string()) ? pytorch_index_file : index_file;
  if (of == std::string::npos || !file_exists(path.parent_path() / index)) return;
  if (name.find_first_not_of("0123456789", of + 4) != std::string::npos || name.ends_with("-00001-of-00001")) return;
  throw Error({.what = "one shard of a model",
               .file = path.string(),
               .expected = "the whole model",
               .hint = "name the folder, or its " + std::string(index)});
}

void open_weights_file(const fs::path& path, Checkpoint& checkpoint) {
  const std::string name = path.filename().string();
  if (name.ends_with(".safetensors.index.json")) return add_shards(path, checkpoint);
  if (name.ends_with(".bin.index.json")) return add_shards(path, checkpoint, add_pytorch_file);
  if (name.ends_with(".json")) return add_json_weights(path, checkpoint);
  refuse_shard(path);
  if (is_pytorch_name(name)) return add_pytorch_file(path, checkpoint);
  add_safetensors_file(path, checkpoint);
}

// Models that also see or hear keep what is the language model's in an object of its own; it has the last word over
// the keys beside it. Embeddings are tied where either says so.
Json text_part(Json config) {
  const auto text = config.find("text_config");
  if (text == config.end() || !text->is_object()) return config;
  const Json inner = std::move(*text);
  config.erase(text);
  const bool tied = config.value("tie_word_embeddings", Json()) == true;
  for (const auto& [key, value] : inner.items()) config[key] = value;
  if (tied) config["tie_word_embeddings"] = true;
  return config;
}

}  // namespace

int64_t TensorView::elements() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

TensorView TensorView::part(int64_t index, int64_t count) const {
  TensorView view = *this;
  const size_t size = bytes.size() / static_cast<size_t>(count);
  view.bytes = bytes.subspan(static_cast<size_t>(index) * size, size);
  if (!view.shape.empty()) view.shape.erase(view.shape.begin());
  return view;
}

const TensorView* Checkpoint::find(std::string_view name) const {
  const auto it = tensors.find(name);
  return it == tensors.end() ? nullptr : &it->second;
}

const TensorView& Checkpoint::at(std::string_view name) const {
  if (const TensorView* tensor = find(name)) return *tensor;
  std::vector<std::string> names;
  for (const auto& [other, tensor] : tensors) names.push_back(other);
  throw Error({.what = "tensor is missing",
               .file = path.string(),
               .where = std::string(name),
               .hint = did_you_mean(name, names)});
}

fs::path Checkpoint::config_file() const {
  if (format == "gguf") return path;
  std::error_code ignored;
  return (fs::is_directory(path, ignored) ? path : path.parent_path()) / "config.json";
}

Checkpoint open_checkpoint(const fs::path& path, const OpenOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw Error({.what = "no such file or folder", .file = path.string()});
  const std::string name = path.filename().string();
  const bool folder = fs::is_directory(status), config_alone = !folder && name == "config.json";
  if (!folder && !name.ends_with(".json") && !name.ends_with(".safetensors") && !is_pytorch_name(name))
    throw Error({.what = "unknown kind of model file",
                 .file = path.string(),
                 .expected = "a folder, or a .safetensors, .gguf, .bin or .json file"});

  Checkpoint checkpoint;
  checkpoint.path = path;
  const fs::path home = folder ? path : path.parent_path();
  if (!file_exists(home / "config.json")) throw no_config(folder ? path : home / "config.json", home);
  checkpoint.config = text_part(read_object(home / "config.json"));
  if (file_exists(home / "generation_config.json"))
    checkpoint.generation_config = read_object(home / "generation_config.json");
  if (!options.tensors) return checkpoint;
  if (folder || config_alone)
    open_weights(home, checkpoint);
  else
    open_weights_file(path, checkpoint);
  join_quantized_tensors(checkpoint);
  return checkpoint;
}

}  // namespace foretell
