#include "checkpoint/writer.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

#include "base/output_file.h"
#include "foretell/error.h"

namespace foretell {
namespace {

namespace fs = std::filesystem;

constexpr const char* index_name = "model.safetensors.index.json";

struct Shard {
  std::vector<const TensorToWrite*> tensors;
  int64_t bytes = 0;  // of the tensors
};

int64_t bytes_of(const TensorToWrite& tensor) { return *tensor_bytes(tensor.dtype, tensor.shape); }

std::string quoted(const std::string& text) {
  try {
    return Json(text).dump();
  } catch (const Json::exception&) {
    throw Error({.what = "tensor's name is not UTF-8", .where = text});
  }
}

std::string header_entry(const TensorToWrite& tensor, int64_t begin) {
  return quoted(tensor.name) + ":{\"dtype\":\"" + std::string(info(tensor.dtype).name) +
         "\",\"shape\":" + Json(tensor.shape).dump() +
         ",\"data_offsets\":" + Json({begin, begin + bytes_of(tensor)}).dump() + "}";
}

// Padded with spaces so that the tensors begin at a multiple of 8. transformers asks for the format "pt".
std::string header(const Shard& shard) {
  std::string text = R"({"__metadata__":{"format":"pt"})";
  int64_t begin = 0;
  for (const TensorToWrite* tensor : shard.tensors) {
    text += ',';
    text += header_entry(*tensor, begin);
    begin += bytes_of(*tensor);
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

void check(const std::vector<TensorToWrite>& tensors, const fs::path& folder) {
  std::set<std::string_view> names;
  for (const TensorToWrite& tensor : tensors) {
    const auto fail = [&](std::string what, std::string found) {
      throw Error({.what = std::move(what), .file = folder.string(), .where = tensor.name, .found = std::move(found)});
    };
    if (!names.insert(tensor.name).second) fail("two tensors of one name", {});
    if (tensor.name == "__metadata__") fail("a name that safetensors keeps for itself", {});
    const DTypeInfo& dtype = info(tensor.dtype);
    if (dtype.block_elements == 32) fail("a dtype that safetensors does not have", std::string(dtype.name));
    if (!tensor_bytes(tensor.dtype, tensor.shape))
      fail("the tensor's size overflows or is not a whole number of bytes", shape_text(tensor.shape));
  }
}

// As torch wants it, each tensor begins at a multiple of its element's size. Where the given order does not do that,
// the wider elements go first.
void align(Shard& shard) {
  const auto size = [](const TensorToWrite* t) { return int64_t{info(t->dtype).block_bytes}; };
  int64_t begin = 0;
  bool aligned = true;
  for (const TensorToWrite* tensor : shard.tensors) {
    aligned = aligned && begin % size(tensor) == 0;
    begin += bytes_of(*tensor);
  }
  if (!aligned)
    std::stable_sort(shard.tensors.begin(), shard.tensors.end(), [&](auto* a, auto* b) { return size(a) > size(b); });
}

// In the given order, each file as full as the limit allows, its header included.
std::vector<Shard> plan(const std::vector<TensorToWrite>& tensors, int64_t max_shard_bytes) {
  constexpr int64_t frame = 64;          // the length, the metadata and the padding
  constexpr int64_t widest_offset = 20;  // digits; entries are measured with short ones
  std::vector<Shard> shards(1);
  int64_t file_bytes = frame;
  for (const TensorToWrite& tensor : tensors) {
    const int64_t bytes = bytes_of(tensor);
    const auto entry = static_cast<int64_t>(header_entry(tensor, 0).size()) + widest_offset + 1;
    if (!shards.back().tensors.empty() && (bytes > max_shard_bytes || file_bytes + entry + bytes > max_shard_bytes)) {
      shards.emplace_back();
      file_bytes = frame;
    }
    shards.back().tensors.push_back(&tensor);
    shards.back().bytes += bytes;
    file_bytes += entry + bytes;
  }
  for (Shard& shard : shards) align(shard);
  return shards;
}

std::string shard_name(size_t index, size_t count) {
  if (count == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

std::string index_text(const std::vector<Shard>& shards) {
  Json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
  int64_t total = 0;
  for (size_t i = 0; i < shards.size(); i++) {
    total += shards[i].bytes;
    for (const TensorToWrite* tensor : shards[i].tensors)
      index["weight_map"][tensor->name] = shard_name(i, shards.size());
  }
  index["metadata"]["total_size"] = total;
  return index.dump(2) + "\n";
}

// Weights of an earlier model beside the new ones would contradict them.
void refuse_other_weights(const fs::path& folder, const std::set<std::string>& written) {
  std::error_code ignored;  // what cannot be listed cannot be written to either, which is said there
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const bool weights =
        (name.starts_with("model") && name.ends_with(".safetensors")) || name == index_name || name == "model.json";
    if (weights && !written.contains(name))
      throw Error({.what = "the folder holds other weights, which would contradict those to be written",
                   .file = folder.string(),
                   .expected = "a folder without weights, or with files of the same names",
                   .found = name,
                   .hint = "remove them, or name another folder"});
  }
}

void write_shard(const Shard& shard, OutputFile& file, const std::function<void(int64_t)>& written) {
  const std::string text = header(shard);
  const auto length = static_cast<uint64_t>(text.size());
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(text)));
  for (const TensorToWrite* tensor : shard.tensors) {
    const auto bytes = static_cast<size_t>(bytes_of(*tensor));
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(bytes);
    tensor->fill({buffer.get(), bytes});
    file.write({buffer.get(), bytes});
    written(static_cast<int64_t>(bytes));
  }
  file.finish();
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder))
    throw Error(
        {.what = "cannot make the folder" + (error ? ": " + error.message() : std::string()), .file = folder.string()});
}

}  // namespace

void write_safetensors(const fs::path& folder, const std::vector<TensorToWrite>& tensors, const WriteOptions& options) {
  check(tensors, folder);
  const std::vector<Shard> shards = plan(tensors, options.max_shard_bytes);
  std::set<std::string> names;
  for (size_t i = 0; i < shards.size(); i++) names.insert(shard_name(i, shards.size()));
  if (shards.size() > 1) names.insert(index_name);
  make_folder(folder);
  refuse_other_weights(folder, names);

  int64_t done = 0, total = 0;
  for (const Shard& shard : shards) total += shard.bytes;
  std::vector<std::unique_ptr<OutputFile>> files;  // all are written before the first takes its place
  for (size_t i = 0; i < shards.size(); i++) {
    files.push_back(std::make_unique<OutputFile>(folder / shard_name(i, shards.size())));
    write_shard(shards[i], *files.back(), [&](int64_t bytes) {
      done += bytes;
      if (options.progress) options.progress(done, total);
    });
  }
  if (shards.size() > 1) {
    files.push_back(std::make_unique<OutputFile>(folder / index_name));
    const std::string text = index_text(shards);
    files.back()->write(std::as_bytes(std::span(text)));
    files.back()->finish();
  }
  for (const auto& file : files) file->commit();
}

void write_text_file(const fs::path& path, const std::string& text) {
  OutputFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.finish();
  file.commit();
}

}  // namespace foretell
