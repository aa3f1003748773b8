#include "checkpoint/json_weights.h"

#include <cmath>
#include <unordered_set>
#include <utility>

#include "base/json_events.h"
#include "base/mapped_file.h"

namespace foretell {
namespace {

constexpr size_t max_dimensions = 8;
constexpr int64_t unknown = -1;  // the size of a dimension none of whose arrays has ended yet

class WeightEvents final : public JsonEvents {
 public:
  using JsonEvents::JsonEvents;

  bool number_integer(int64_t value) override { return number(static_cast<double>(value), {}); }
  bool number_unsigned(uint64_t value) override { return number(static_cast<double>(value), {}); }
  bool number_float(double value, const std::string& text) override { return number(value, text); }

  bool start_object(size_t) override {
    if (state_ != State::Start) return unexpected("an object");
    state_ = State::Names;
    return true;
  }
  bool key(std::string& name) override {
    state_ = State::Tensor;
    tensors.push_back({.name = name, .shape = {}, .values = {}});
    if (!names_.insert(name).second) throw error("tensor occurs twice", {}, {});
    return true;
  }
  bool end_object() override {
    state_ = State::End;
    return true;
  }

  bool start_array(size_t) override {
    if (state_ != State::Tensor) return unexpected("an array");
    auto& shape = tensors.back().shape;
    if (position_.size() == shape.size()) {
      if (!tensors.back().values.empty()) throw error("ragged array", "a number, as before", "an array");
      if (shape.size() == max_dimensions)
        throw error("too many dimensions", "at most " + std::to_string(max_dimensions), "one more");
      shape.push_back(unknown);
    }
    position_.push_back(0);
    return true;
  }
  bool end_array() override {
    const size_t depth = position_.size() - 1;
    int64_t& size = tensors.back().shape[depth];
    const int64_t found = position_.back();
    if (size != unknown && size != found) {
      position_.pop_back();
      throw error("ragged array", std::to_string(size) + " elements, as before", std::to_string(found));
    }
    size = found;
    position_.pop_back();
    end_value();
    return true;
  }

  std::vector<JsonTensor> tensors;

 protected:
  std::string place() const override {
    if (state_ != State::Tensor) return {};
    std::string text = tensors.back().name;
    for (const int64_t index : position_) text += shape_text({index});
    return text;
  }
  std::string expected() const override {
    return state_ == State::Start ? "an object of arrays" : "a number or an array of numbers";
  }

 private:
  enum class State { Start, Names, Tensor, End };

  bool number(double value, const std::string& text) {  // the text of one that may be too large
    if (state_ != State::Tensor) return unexpected("a number");
    if (position_.size() != tensors.back().shape.size()) throw error("ragged array", "an array, as before", "a number");
    const auto rounded = static_cast<float>(value);
    if (!std::isfinite(rounded))
      throw error("number is out of range", "what a float holds, at most 3.4028235e38", text);
    tensors.back().values.push_back(rounded);
    end_value();
    return true;
  }
  // A number or an array has ended; at the depth of the whole tensor, so has the tensor.
  void end_value() {
    if (!position_.empty()) {
      position_.back()++;
      return;
    }
    tensors.back().values.shrink_to_fit();
    state_ = State::Names;
  }

  State state_ = State::Start;
  std::vector<int64_t> position_;  // in the arrays that are open
  std::unordered_set<std::string> names_;
};

}  // namespace

std::vector<JsonTensor> parse_json_weights(std::string_view text, const std::filesystem::path& path) {
  WeightEvents events(path);
  parse_json_events(text, path, events);
  return std::move(events.tensors);
}

void add_json_weights(const std::filesystem::path& path, Checkpoint& checkpoint) {
  std::vector<JsonTensor> parsed;
  {
    const MappedFile file(path);
    parsed = parse_json_weights({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, path);
  }
  const auto tensors = std::make_shared<const std::vector<JsonTensor>>(std::move(parsed));
  checkpoint.storage.push_back(tensors);
  checkpoint.format = "json";
  for (const JsonTensor& tensor : *tensors) {
    TensorView view;
    view.dtype = DType::F32;
    view.shape = tensor.shape;
    view.bytes = std::as_bytes(std::span(tensor.values));
    view.file = path;
    checkpoint.tensors.emplace(tensor.name, std::move(view));
  }
}

}  // namespace foretell
