#include "checkpoint/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <set>
#include <unordered_set>

#include "base/json_events.h"
#include "base/mapped_file.h"
#include "foretell/error.h"

namespace foretell {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are read from files as they lie in memory");

constexpr uint64_t max_header_bytes = 100'000'000;  // the reference reader's
constexpr int64_t length_bytes = 8;

// The header: {"__metadata__": {KEY: TEXT}, NAME: {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}}. Unknown
// keys of a tensor are passed over, as the reference reader does. Offsets stay as they are, from the header's end.
class HeaderEvents final : public JsonEvents {
 public:
  using JsonEvents::JsonEvents;

  bool null() override { return skipping() || at_metadata() || unexpected("null"); }
  bool boolean(bool value) override { return skipping() || JsonEvents::boolean(value); }
  bool number_integer(int64_t value) override { return skipping() || JsonEvents::number_integer(value); }
  bool number_float(double value, const std::string& text) override {
    return skipping() || JsonEvents::number_float(value, text);
  }
  bool number_unsigned(uint64_t value) override {
    if (skipping()) return true;
    if (state_ != State::Numbers) return JsonEvents::number_unsigned(value);
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      throw error("number is out of range", "at most 2^63 - 1", std::to_string(value));
    numbers_.push_back(static_cast<int64_t>(value));
    return true;
  }

  bool string(std::string& text) override {
    if (skipping() || state_ == State::Metadata) return true;
    if (state_ != State::Tensor || field_ != "dtype") return JsonEvents::string(text);
    const auto dtype = dtype_from_name(text);
    if (!dtype || info(*dtype).name.starts_with('Q')) throw error("unknown dtype", "one that safetensors has", text);
    tensor_.dtype = *dtype;
    return true;
  }

  bool start_object(size_t) override {
    if (skipping()) return begin_skipped();
    if (state_ == State::Start) {
      state_ = State::Root;
    } else if (at_metadata()) {
      state_ = State::Metadata;
      keys_.clear();
    } else if (state_ == State::Root) {
      state_ = State::Tensor;
      keys_.clear();
    } else {
      return unexpected("an object");
    }
    return true;
  }

  bool key(std::string& text) override {
    if (skip_depth_ > 0) return true;
    if (state_ == State::Root) {
      tensor_ = {};
      tensor_.name = text;
    } else {
      field_ = text;
    }
    if (!(state_ == State::Root ? names_ : keys_).insert(text).second)
      throw error(state_ == State::Root ? "tensor occurs twice" : "key occurs twice", {}, {});
    return true;
  }

  bool end_object() override {
    if (skip_depth_ > 0) return end_skipped();
    field_.clear();
    if (state_ == State::Tensor) {
      for (const char* field : {"dtype", "shape", "data_offsets"})
        if (!keys_.contains(field)) throw error("key is missing", field, {});
      tensors.push_back(std::move(tensor_));
    }
    state_ = state_ == State::Root ? State::End : State::Root;
    return true;
  }

  bool start_array(size_t) override {
    if (skipping()) return begin_skipped();
    if (state_ != State::Tensor || (field_ != "shape" && field_ != "data_offsets")) return unexpected("an array");
    state_ = State::Numbers;
    numbers_.clear();
    return true;
  }

  bool end_array() override {
    if (skip_depth_ > 0) return end_skipped();
    if (field_ == "shape") {
      tensor_.shape = numbers_;
    } else {
      if (numbers_.size() != 2)
        throw error("data_offsets has another length", "2 numbers", std::to_string(numbers_.size()));
      tensor_.begin = numbers_[0];
      tensor_.end = numbers_[1];
    }
    state_ = State::Tensor;
    return true;
  }

  std::vector<SafetensorsTensor> tensors;

 protected:
  std::string place() const override {
    std::string text = tensor_.name.empty() ? "header" : tensor_.name;
    return field_.empty() ? text : text + "." + field_;
  }
  std::string expected() const override {
    switch (state_) {
      case State::Start:
        return "an object";
      case State::Root:
        return at_metadata() ? "an object of strings" : "an object with dtype, shape and data_offsets";
      case State::Metadata:
        return "a string";
      case State::Tensor:
        return field_ == "dtype" ? "a string" : "an array of whole numbers";
      case State::Numbers:
        return "a whole number of at least 0";
      case State::End:
        break;
    }
    return "the end";
  }

 private:
  enum class State { Start, Root, Metadata, Tensor, Numbers, End };

  bool at_metadata() const { return state_ == State::Root && tensor_.name == "__metadata__"; }
  bool skipping() const {
    return skip_depth_ > 0 ||
           (state_ == State::Tensor && field_ != "dtype" && field_ != "shape" && field_ != "data_offsets");
  }
  bool begin_skipped() {
    skip_depth_++;
    return true;
  }
  bool end_skipped() {
    skip_depth_--;
    return true;
  }

  State state_ = State::Start;
  int64_t skip_depth_ = 0;  // inside the value of an unknown key
  SafetensorsTensor tensor_;
  std::string field_;
  std::vector<int64_t> numbers_;
  std::unordered_set<std::string> names_, keys_;
};

std::string_view header_text(std::span<const std::byte> file, const std::filesystem::path& path) {
  const auto fail = [&](std::string what, std::string expected, std::string found) {
    const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
    const bool pointer = text.starts_with("version https://git-lfs");
    throw Error({.what = std::move(what),
                 .file = path.string(),
                 .where = "header length",
                 .expected = std::move(expected),
                 .found = std::move(found),
                 .hint = pointer ? "the file is a Git LFS pointer: fetch what it stands for with git lfs pull" : ""});
  };
  uint64_t length = 0;
  if (file.size() < length_bytes)
    fail("the file is too short for safetensors", "at least 8 bytes", std::to_string(file.size()) + " bytes");
  std::memcpy(&length, file.data(), length_bytes);
  if (length > max_header_bytes)
    fail("the safetensors header is too long", "at most " + std::to_string(max_header_bytes) + " bytes",
         std::to_string(length));
  const uint64_t rest = file.size() - length_bytes;
  if (length > rest)
    fail("the safetensors header does not fit into the file", std::to_string(length) + " bytes",
         std::to_string(rest) + " bytes after the length");
  return {reinterpret_cast<const char*>(file.data()) + length_bytes, length};
}

// Tensors are sorted by their offsets: each begins where the one before ends, and has the bytes that it needs.
// Returns where the last one ends.
int64_t check_offsets(const std::vector<SafetensorsTensor>& tensors, const std::filesystem::path& path) {
  int64_t position = 0;
  for (const SafetensorsTensor& t : tensors) {
    const auto error = [&](const char* what, std::string expected, std::string found) {
      return Error({.what = what,
                    .file = path.string(),
                    .where = t.name,
                    .expected = std::move(expected),
                    .found = std::move(found)});
    };
    const std::string offsets = shape_text({t.begin, t.end});
    if (t.end < t.begin) throw error("data_offsets end before they begin", "[BEGIN, END]", offsets);
    if (t.begin != position)
      throw error(t.begin < position ? "the tensor's bytes overlap those of another" : "unused bytes before the tensor",
                  "begin at " + std::to_string(position), offsets);
    const auto bytes = tensor_bytes(t.dtype, t.shape);
    const std::string layout = std::string(info(t.dtype).name) + " " + shape_text(t.shape);
    if (!bytes) throw error("the tensor's size overflows or is not a whole number of bytes", {}, layout);
    if (t.end - t.begin != *bytes)
      throw error("data_offsets do not fit the shape", std::to_string(*bytes) + " bytes for " + layout,
                  std::to_string(t.end - t.begin));
    position = t.end;
  }
  return position;
}

}  // namespace

std::vector<SafetensorsTensor> parse_safetensors(std::span<const std::byte> file, const std::filesystem::path& path) {
  const std::string_view header = header_text(file, path);
  if (!header.starts_with('{'))
    throw Error({.what = "not a safetensors header",
                 .file = path.string(),
                 .where = "byte 8",
                 .expected = "{",
                 .found = header.empty() ? "an empty header" : "\"" + std::string(header.substr(0, 16)) + "\""});
  HeaderEvents events(path);
  parse_json_events(header, path, events);
  auto& tensors = events.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  const int64_t data = length_bytes + static_cast<int64_t>(header.size());
  const int64_t found = static_cast<int64_t>(file.size()) - data, expected = check_offsets(tensors, path);
  if (found != expected)
    throw Error({.what = found < expected ? "the file is truncated" : "the file is longer than its tensors",
                 .file = path.string(),
                 .where = "end of the tensors",
                 .expected = std::to_string(expected) + " bytes after the header",
                 .found = std::to_string(found)});
  for (SafetensorsTensor& t : tensors) {
    t.begin += data;
    t.end += data;
  }
  return std::move(tensors);
}

void add_safetensors_file(const std::filesystem::path& path, Checkpoint& checkpoint) {
  const auto file = std::make_shared<const MappedFile>(path);
  checkpoint.storage.push_back(file);
  checkpoint.format = "safetensors";
  for (SafetensorsTensor& t : parse_safetensors(file->bytes(), path)) {
    TensorView view;
    view.dtype = t.dtype;
    view.shape = std::move(t.shape);
    view.bytes = file->bytes().subspan(static_cast<size_t>(t.begin), static_cast<size_t>(t.end - t.begin));
    view.file = path;
    view.mapped = true;
    const auto [there, added] = checkpoint.tensors.emplace(t.name, std::move(view));
    if (!added)
      throw Error({.what = "tensor is in two files",
                   .file = path.string(),
                   .where = t.name,
                   .expected = "one file",
                   .found = there->second.file.string() + " has it too"});
  }
}

}  // namespace foretell
