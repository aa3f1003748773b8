#include "checkpoint/adapter.h"

#include <cmath>
#include <regex>
#include <string>
#include <string_view>

#include "checkpoint/safetensors.h"
#include "checkpoint/stored_matrix.h"
#include "foretell/error.h"

namespace foretell {
namespace {

namespace fs = std::filesystem;

// adapter_config.json, as far as it changes what is computed.
class AdapterConfig {
 public:
  explicit AdapterConfig(const fs::path& file) : file_(file), json_(read_json_file(file)) {
    if (!json_.is_object()) throw error("", "not an adapter's description", "an object", json_.type_name());
    only("peft_type", "LORA");
    // What adds something that is not a product of two matrices.
    for (const char* key :
         {"lora_bias", "use_qalora", "use_bdlora", "layer_replication", "target_parameters", "trainable_token_indices",
          "alora_invocation_tokens", "arrow_config", "ensure_weight_tying"})
      only(key, nullptr);
    rank_ = number("r");
    alpha_ = number("lora_alpha");
    root_ = json_.value("use_rslora", false);
  }

  // alpha / rank, or alpha / sqrt(rank) (Kalajdzievski, arXiv:2312.03732); both may be set for some modules apart.
  double scale(const std::string& module) const {
    const double rank = of_module("rank_pattern", module, rank_), alpha = of_module("alpha_pattern", module, alpha_);
    if (rank <= 0) throw error("r", "a value is out of range", "a number above 0", std::to_string(rank));
    return alpha / (root_ ? std::sqrt(rank) : rank);
  }

 private:
  Error error(const std::string& key, std::string what, std::string expected, std::string found) const {
    return Error({.what = std::move(what),
                  .file = file_.string(),
                  .where = key,
                  .expected = std::move(expected),
                  .found = std::move(found)});
  }
  // The key is absent, null, false, an empty list or object, or this value.
  void only(const char* key, const Json& value) const {
    const auto it = json_.find(key);
    if (it == json_.end() || it->is_null() || *it == value || *it == Json(false)) return;
    if ((it->is_array() || it->is_object()) && it->empty()) return;
    throw error(key, "an option of adapters that is not known", value.is_null() ? "nothing" : value.dump(), it->dump());
  }
  double number(const char* key) const {
    const auto it = json_.find(key);
    if (it == json_.end() || !it->is_number())
      throw error(key, "a value is no number", "a number", it == json_.end() ? "nothing" : it->dump());
    return it->get<double>();
  }
  // The value of the first pattern that the end of the module's name matches.
  double of_module(const char* key, const std::string& module, double otherwise) const {
    const auto patterns = json_.find(key);
    if (patterns == json_.end() || !patterns->is_object()) return otherwise;
    for (const auto& [pattern, value] : patterns->items()) {
      try {
        if (value.is_number() && std::regex_match(module, std::regex("(.*\\.)?(" + pattern + ")")))
          return value.get<double>();
      } catch (const std::regex_error&) {
        throw error(key, "not a regular expression", "a pattern of module names", "\"" + pattern + "\"");
      }
    }
    return otherwise;
  }

  fs::path file_;
  Json json_;
  double rank_ = 0, alpha_ = 0;
  bool root_ = false;
};

std::vector<float> floats_of(const TensorView& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  read_floats(tensor, 0, tensor.elements(), values.data());
  return values;
}

std::vector<float> transposed(const std::vector<float>& x, int64_t rows, int64_t cols) {
  std::vector<float> out(x.size());
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < cols; c++) out[static_cast<size_t>(c * rows + r)] = x[static_cast<size_t>(r * cols + c)];
  return out;
}

// The two matrices of a module: down [rank, inputs] and up [outputs, rank]; of an embedding, turned round.
LowRankUpdate read_update(const TensorView& down, const TensorView& up, double scale, bool of_embedding) {
  const bool fits = down.shape.size() == 2 && up.shape.size() == 2 && down.shape[0] == up.shape[1];
  if (!fits)
    throw Error({.what = "the two matrices of an adapter do not fit",
                 .file = down.file.string(),
                 .expected = "[rank, inputs] and [outputs, rank]",
                 .found = shape_text(down.shape) + " and " + shape_text(up.shape)});
  LowRankUpdate update{.rank = down.shape[0], .rows = up.shape[0], .cols = down.shape[1]};
  update.left = floats_of(up);
  update.right = floats_of(down);
  if (of_embedding) {
    std::vector<float> left = transposed(update.right, update.rank, update.cols);
    update.right = transposed(update.left, update.rows, update.rank);
    update.left = std::move(left);
    std::swap(update.rows, update.cols);
  }
  for (float& x : update.left) x = static_cast<float>(x * scale);
  return update;
}

constexpr std::string_view prefix = "base_model.model.";

}  // namespace

void LowRankUpdate::apply(int64_t row, int64_t begin, int64_t end, float* values) const {
  const int64_t count = end - begin;
  std::vector<float> change(static_cast<size_t>(count));
  for (int64_t k = 0; k < rank; k++) {
    const float factor = left[static_cast<size_t>(row * rank + k)];
    const float* line = right.data() + k * cols + begin;
    for (int64_t c = 0; c < count; c++) change[static_cast<size_t>(c)] += factor * line[c];
  }
  for (int64_t c = 0; c < count; c++) values[c] += change[static_cast<size_t>(c)];
  if (magnitudes.empty()) return;
  double sum = 0;
  for (int64_t c = 0; c < cols; c++) sum += static_cast<double>(values[c]) * values[c];
  const auto factor = static_cast<float>(magnitudes[static_cast<size_t>(row)] / std::sqrt(sum));
  for (int64_t c = 0; c < cols; c++) values[c] *= factor;
}

Adapter read_adapter(const fs::path& folder, double scale) {
  const AdapterConfig config(folder / "adapter_config.json");
  Checkpoint file;
  add_safetensors_file(folder / "adapter_model.safetensors", file);
  Adapter adapter{.path = folder, .updates = {}, .replaced = {}, .storage = std::move(file.storage)};
  const auto unknown = [&](const std::string& name) {
    return Error({.what = "an adapter's tensor of an unknown kind",
                  .file = (folder / "adapter_model.safetensors").string(),
                  .where = name,
                  .expected = "base_model.model.MODULE.lora_A.weight and its like"});
  };
  for (const auto& [name, tensor] : file.tensors) {
    if (!name.starts_with(prefix)) throw unknown(name);
    const std::string inner = name.substr(prefix.size());
    const bool of_embedding = inner.ends_with(".lora_embedding_A");
    const std::string_view suffix = of_embedding ? ".lora_embedding_A" : ".lora_A.weight";
    if (inner.ends_with(suffix)) {
      const std::string module = inner.substr(0, inner.size() - suffix.size());
      const std::string stem = std::string(prefix) + module;
      const TensorView& up = file.at(stem + (of_embedding ? ".lora_embedding_B" : ".lora_B.weight"));
      adapter.updates.push_back(
          {module, read_update(tensor, up, config.scale(module) * scale, of_embedding), of_embedding});
      const TensorView* magnitude = file.find(stem + ".lora_magnitude_vector");
      if (magnitude == nullptr) magnitude = file.find(stem + ".lora_magnitude_vector.weight");
      LowRankUpdate& update = adapter.updates.back().update;
      if (magnitude != nullptr) update.magnitudes = floats_of(*magnitude);
      if (magnitude != nullptr && static_cast<int64_t>(update.magnitudes.size()) != update.rows)
        throw Error({.what = "an adapter's magnitudes do not fit its matrix",
                     .file = tensor.file.string(),
                     .where = module,
                     .expected = std::to_string(update.rows),
                     .found = std::to_string(update.magnitudes.size())});
      continue;
    }
    if (inner.find(".lora_") == std::string::npos) {
      std::string published = inner;  // older versions keep the wrapper's name
      if (const size_t at = published.find(".modules_to_save"); at != std::string::npos)
        published.erase(at, published.find('.', at + 1) - at);
      adapter.replaced.emplace(published, tensor);
    } else if (!inner.ends_with(".lora_B.weight") && !inner.ends_with(".lora_embedding_B") &&
               inner.find(".lora_magnitude_vector") == std::string::npos) {
      throw unknown(name);
    }
  }
  return adapter;
}

}  // namespace foretell
