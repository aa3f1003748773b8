// model.safetensors.index.json and pytorch_model.bin.index.json: {"metadata": {...}, "weight_map": {TENSOR: FILE}}.
#include <map>
#include <set>

#include "base/json_events.h"
#include "base/mapped_file.h"
#include "checkpoint/safetensors.h"

namespace foretell {
namespace {

class IndexEvents final : public JsonEvents {
 public:
  using JsonEvents::JsonEvents;

  bool null() override { return skipping() || JsonEvents::null(); }
  bool boolean(bool value) override { return skipping() || JsonEvents::boolean(value); }
  bool number_integer(int64_t value) override { return skipping() || JsonEvents::number_integer(value); }
  bool number_unsigned(uint64_t value) override { return skipping() || JsonEvents::number_unsigned(value); }
  bool number_float(double value, const std::string& text) override {
    return skipping() || JsonEvents::number_float(value, text);
  }
  bool start_array(size_t size) override { return open() || JsonEvents::start_array(size); }
  bool end_array() override { return close(); }
  bool start_object(size_t size) override {
    if (depth_ == 0 || (depth_ == 1 && in_map())) return ++depth_ > 0;
    return open() || JsonEvents::start_object(size);
  }
  bool end_object() override { return close(); }

  bool key(std::string& text) override {
    if (depth_ > 1 && !in_map()) return true;
    (depth_ == 1 ? section_ : tensor_) = text;
    if (depth_ == 1 ? !sections_.insert(text).second : weight_map.contains(text))
      throw error(depth_ == 1 ? "key occurs twice" : "tensor occurs twice", {}, {});
    return true;
  }
  bool string(std::string& text) override {
    if (depth_ != 2 || !in_map()) return skipping() || JsonEvents::string(text);
    const std::filesystem::path name(text);
    if (name.empty() || name.is_absolute() || text.find("..") != std::string::npos)
      throw error("not a file of this folder", "a file name", "\"" + text + "\"");
    weight_map.emplace(tensor_, text);
    return true;
  }

  void check_complete() const {
    if (!sections_.contains("weight_map")) throw error("key is missing", "weight_map", {});
  }

  std::map<std::string, std::string> weight_map;

 protected:
  std::string place() const override {
    if (depth_ == 0) return {};
    return depth_ == 2 && in_map() && !tensor_.empty() ? section_ + "." + tensor_ : section_;
  }
  std::string expected() const override { return depth_ < 2 ? "an object" : "a file name"; }

 private:
  bool in_map() const { return section_ == "weight_map"; }
  bool skipping() const { return depth_ > 0 && !in_map(); }
  bool open() {
    if (!skipping()) return false;
    depth_++;
    return true;
  }
  bool close() {
    depth_--;
    if (depth_ == 1) tensor_.clear();
    return true;
  }

  int64_t depth_ = 0;
  std::string section_, tensor_;
  std::set<std::string> sections_;
};

void check_shards_are_there(const std::filesystem::path& index, const std::set<std::string>& shards) {
  size_t missing = 0;
  std::string first;
  for (const std::string& shard : shards)
    if (!file_exists(index.parent_path() / shard) && missing++ == 0) first = shard;
  if (missing > 0)
    throw Error({.what = missing == 1 ? "a shard is missing" : "shards are missing",
                 .file = index.string(),
                 .where = first,
                 .expected = std::to_string(shards.size()) + " files beside the index",
                 .found = std::to_string(shards.size() - missing)});
}

}  // namespace

std::map<std::string, std::string> parse_safetensors_index(std::string_view text, const std::filesystem::path& path) {
  IndexEvents events(path);
  parse_json_events(text, path, events);
  events.check_complete();
  return std::move(events.weight_map);
}

void add_shards(const std::filesystem::path& index, Checkpoint& checkpoint,
                void (*add_file)(const std::filesystem::path&, Checkpoint&)) {
  const auto weight_map = parse_safetensors_index(read_text_file(index), index);
  std::set<std::string> shards;
  for (const auto& [name, shard] : weight_map) shards.insert(shard);
  check_shards_are_there(index, shards);
  for (const std::string& shard : shards) add_file(index.parent_path() / shard, checkpoint);
  for (const auto& [name, shard] : weight_map) {
    const TensorView* tensor = checkpoint.find(name);
    if (tensor != nullptr && tensor->file == index.parent_path() / shard) continue;
    throw Error({.what = "tensor is not where the index says",
                 .file = index.string(),
                 .where = name,
                 .expected = shard,
                 .found = tensor == nullptr ? "in no shard" : tensor->file.filename().string()});
  }
}

}  // namespace foretell
