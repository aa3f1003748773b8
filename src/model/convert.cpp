#include "model/convert.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "arch/family.h"
#include "arch/open_model.h"
#include "base/float16.h"
#include "checkpoint/gguf_blocks.h"
#include "checkpoint/quantization.h"
#include "checkpoint/stored_matrix.h"
#include "checkpoint/writer.h"
#include "foretell/error.h"
#include "model/calibration.h"
#include "model/float_rows.h"
#include "model/folder_draft.h"
#include "model/rounding.h"
#include "model/tensor_writers.h"

namespace foretell {
namespace {

constexpr float largest_f16 = 65504;
constexpr float largest_weight = 1e38f;  // so that the range of a group is finite

bool is_f16(float value) { return float_from_f16(f16_from_float(value)) == value; }

// The name of a weight without ".weight", which stacks of experts do not have.
std::string layer_of(const std::string& name) {
  constexpr std::string_view suffix = ".weight";
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

bool is_stack(const TensorSpec& tensor) {
  return tensor.shape.size() == 3 && (tensor.role == Role::ExpertGate || tensor.role == Role::ExpertUp ||
                                      tensor.role == Role::ExpertGateUp || tensor.role == Role::ExpertDown);
}

bool is_matrix(const TensorSpec& tensor) {
  return tensor.part == Part::Weight && !is_norm(tensor.role) && (tensor.shape.size() == 2 || is_stack(tensor));
}

// A router decides for all that follows, and positions are added to what is exact.
bool may_be_rounded(Role role) { return role != Role::Positions && role != Role::Router; }

class Converter {
 public:
  Converter(const Checkpoint& checkpoint, const ConvertOptions& options)
      : checkpoint_(checkpoint),
        options_(options),
        config_(checkpoint.config, checkpoint.config_file()),
        pool_(options.threads > 0 ? options.threads : available_cores()) {}

  void plan() {
    const Family& family = find_family(config_);
    spec_ = family.describe(config_);
    if (!options_.calibration.ids.empty() && options_.quantize_bits != 0)
      calibration_ =
          std::make_unique<Calibration>(family, spec_, checkpoint_, options_.calibration, pool_, options_.calibrating);
    for (const TensorSpec& tensor : tensor_table(family, spec_)) {
      const std::string name = stored_name(family, checkpoint_, tensor.name);
      if (is_buffer(tensor.role) && checkpoint_.find(name) == nullptr) continue;
      const bool turned = is_stack(tensor) ? spec_.storage.experts_transposed : family.conv1d && tensor.layer >= 0;
      if (is_matrix(tensor))
        add_matrix(name, tensor, turned);
      else
        add_plain(name);
    }
    // What else lies in the folder is carried along.
    for (const auto& [name, view] : checkpoint_.tensors) {
      if (name.ends_with(".scales") && !done_.contains(name)) add_unknown_groups(layer_of_scales(name));
      add_plain(name);
    }
  }

  const std::vector<TensorToWrite>& tensors() const { return tensors_; }
  Json config() const;
  const std::vector<std::string>& left_as_floats() const { return left_as_floats_; }
  const std::vector<std::string>& decoded() const { return decoded_; }

 private:
  static std::string layer_of_scales(const std::string& name) { return name.substr(0, name.rfind('.')); }
  bool keeps_groups(const StoredMatrix& matrix, Role role) const;
  void add(TensorToWrite tensor) {
    done_.insert(tensor.name);
    tensors_.push_back(std::move(tensor));
  }
  void add_plain(const std::string& name);
  void add_unknown_groups(const std::string& layer);
  void add_matrix(const std::string& name, const TensorSpec& tensor, bool turned);
  void add_floats(const StoredMatrix& matrix, bool turn);
  void add_stored_groups(const StoredMatrix& matrix);
  void add_rounded(const FloatRows& rows, const std::string& layer, const TensorSpec& tensor);
  SliceReader rounding(const FloatRows& rows, const TensorSpec& tensor, GroupLayout layout, DType dtype);
  void add_groups(const std::string& layer, const std::vector<int64_t>& shape, GroupLayout layout, DType dtype,
                  const SliceReader& read);

  const Checkpoint& checkpoint_;
  const ConvertOptions& options_;
  ConfigReader config_;
  ThreadPool pool_;
  ModelSpec spec_;
  std::unique_ptr<Calibration> calibration_;
  std::vector<TensorToWrite> tensors_;
  std::set<std::string> done_;                  // stored tensors, as they are or as what was made of them
  std::map<std::string, GroupLayout> layouts_;  // by the layer's name
  std::vector<std::string> left_as_floats_, decoded_;
};

// Of groups that the architecture does not know.
void Converter::add_unknown_groups(const std::string& layer) {
  const LayerQuantization quantization = layer_quantization(checkpoint_, layer);
  if (quantization.kind == LayerQuantization::Kind::None) return;
  const StoredMatrix matrix = StoredMatrix::find(checkpoint_, layer + ".weight");
  if (keeps_groups(matrix, Role::Embedding)) return add_stored_groups(matrix);
  add_floats(matrix, false);
}

// A tensor as it is, but for what GGUF does to vectors and for the wanted type.
void Converter::add_plain(const std::string& name) {
  if (done_.contains(name)) return;
  const TensorView& view = checkpoint_.at(name);
  if (is_block(view.dtype) || view.quantized) {
    const StoredMatrix matrix = StoredMatrix::of(view, name);
    if (matrix.grouped() && view.quantized && keeps_groups(matrix, Role::Embedding)) return add_stored_groups(matrix);
    return add_floats(matrix, false);
  }
  const bool as_stored = view.offset == 0 && view.interleaved_heads == 0;
  if (!is_float(view.dtype) || (as_stored && options_.dtype.value_or(view.dtype) == view.dtype))
    add(copied_tensor(name, view));
  else
    add(plain_floats(name, view, options_.dtype.value_or(DType::F32)));
}

// Groups are kept without loss unless floats or fewer bits are wanted.
bool Converter::keeps_groups(const StoredMatrix& matrix, Role role) const {
  if (!matrix.grouped()) return false;
  if (options_.quantize_bits == 0) return !options_.dtype;
  return matrix.bits() <= options_.quantize_bits || !may_be_rounded(role) || matrix.cols() % options_.group_size != 0;
}

// `turned`: the family publishes floats as [inputs, outputs], and stacks of float8 too. Groups always have the outputs
// first, and so has GGUF. Stacks may lie the other way round; the shape tells.
void Converter::add_matrix(const std::string& name, const TensorSpec& tensor, bool turned) {
  const StoredMatrix matrix = StoredMatrix::find(checkpoint_, name);
  if (keeps_groups(matrix, tensor.role)) return add_stored_groups(matrix);
  const bool plain = matrix.layout() == StoredMatrix::Layout::Float ||
                     (is_stack(tensor) && matrix.layout() == StoredMatrix::Layout::Decoded);
  bool inputs_first = turned && plain && checkpoint_.format != "gguf";
  if (is_stack(tensor) && plain) {
    std::vector<int64_t> here = tensor.shape;
    if (turned != inputs_first) std::swap(here[1], here[2]);
    const std::vector<int64_t> found = shape_of(matrix);
    if (found != here && found[1] == here[2] && found[2] == here[1]) inputs_first = !inputs_first;
  }
  if (options_.quantize_bits != 0 && may_be_rounded(tensor.role)) {
    const FloatRows rows(matrix, inputs_first);
    if (rows.cols() % options_.group_size == 0) return add_rounded(rows, layer_of(name), tensor);
    left_as_floats_.push_back(name);
  }
  add_floats(matrix, turned != inputs_first);
}

// Floats of the wanted type or, where there is none, of their own; what is no such numbers becomes F32.
void Converter::add_floats(const StoredMatrix& matrix, bool turn) {
  const bool floats = matrix.layout() == StoredMatrix::Layout::Float && !matrix.updated();
  if (!floats) decoded_.push_back(matrix.name());
  const DType own = floats ? matrix.tensor().dtype : DType::F32;
  if (matrix.layout() == StoredMatrix::Layout::Affine)
    for (const char* suffix : {".scales", ".biases"}) done_.insert(layer_of(matrix.name()) + suffix);
  add(float_tensor(matrix, options_.dtype.value_or(own), turn, pool_));
}

// Groups of any format as MLX's, which have 128 inputs at most.
void Converter::add_stored_groups(const StoredMatrix& matrix) {
  const std::string layer = layer_of(matrix.name());
  if (matrix.layout() == StoredMatrix::Layout::Affine) {
    layouts_[layer] = {matrix.bits(), matrix.group_size()};
    for (const char* suffix : {".weight", ".scales", ".biases"})
      add(copied_tensor(layer + suffix, checkpoint_.at(layer + suffix)));
    return;
  }
  done_.insert(matrix.name());
  const int stored = matrix.group_size(), size = stored % 128 == 0 ? 128 : stored % 64 == 0 ? 64 : 32;
  const int64_t cols = matrix.cols(), groups = cols / size;
  const auto read_row = [matrix, parts = stored / size](int64_t row, uint8_t* codes, float* scales, float* biases) {
    matrix.read_groups(row, codes, scales, biases);
    for (int64_t g = matrix.cols() / matrix.group_size() - 1; g >= 0; g--) {  // each to where its parts stand
      std::fill_n(scales + g * parts, parts, scales[g]);
      std::fill_n(biases + g * parts, parts, biases[g]);
    }
  };
  std::atomic<bool> exact = true;
  for_blocks(pool_, matrix.rows(), [&](int64_t first, int64_t count) {
    std::vector<uint8_t> codes(static_cast<size_t>(cols));
    std::vector<float> scales(static_cast<size_t>(groups)), biases(scales);
    for (int64_t r = first; r < first + count && exact; r++) {
      read_row(r, codes.data(), scales.data(), biases.data());
      if (!std::all_of(scales.begin(), scales.end(), is_f16) || !std::all_of(biases.begin(), biases.end(), is_f16))
        exact = false;
    }
  });
  add_groups(layer, shape_of(matrix), {matrix.bits(), size}, exact ? DType::F16 : DType::F32,
             every_slice([=](int64_t first, int64_t count, uint8_t* codes, float* scales, float* biases) {
               for (int64_t r = 0; r < count; r++)
                 read_row(first + r, codes + r * cols, scales + r * groups, biases + r * groups);
             }));
}

// The largest magnitude of a matrix whose numbers can all be rounded.
float largest_magnitude(const FloatRows& rows, ThreadPool& pool) {
  std::mutex mutex;
  float largest = 0;
  const StoredMatrix& matrix = rows.matrix();
  for_blocks(pool, matrix.rows(), [&](int64_t first, int64_t count) {
    std::vector<float> row(static_cast<size_t>(matrix.cols()));
    float here = 0;
    for (int64_t r = first; r < first + count; r++) {
      matrix.read_row(r, row.data());
      for (const float value : row) {
        if (!(std::fabs(value) < largest_weight))
          throw Error({.what = "a weight cannot be rounded to groups",
                       .file = matrix.tensor().file.string(),
                       .where = matrix.name() + " row " + std::to_string(r),
                       .expected = "a finite number",
                       .found = std::to_string(value)});
        here = std::max(here, std::fabs(value));
      }
    }
    const std::lock_guard lock(mutex);
    largest = std::max(largest, here);
  });
  return largest;
}

// How rows are rounded: each weight for itself or, with a text, for what the matrix computes of its inputs.
SliceReader Converter::rounding(const FloatRows& rows, const TensorSpec& tensor, GroupLayout layout, DType dtype) {
  const int64_t cols = rows.cols();
  const bool unembeds = tensor.role == Role::Embedding && spec_.tied_embeddings;
  const std::optional<Point> point = unembeds ? Point::UnembeddingInput : input_of(tensor.role);
  if (calibration_ == nullptr || !point) {
    return every_slice([=](int64_t first, int64_t count, uint8_t* codes, float* scales, float* biases) {
      std::vector<float> weights(static_cast<size_t>(count * cols));
      rows.read(first, count, weights.data());
      round_nearest(weights, layout, dtype, codes, scales, biases);
    });
  }
  std::vector<Site> sites;  // of each slice
  for (int64_t s = 0; s < rows.slices(); s++) {
    sites.push_back({*point, tensor.layer, is_stack(tensor) ? s : tensor.expert});
    calibration_->expect(sites.back(), cols);
  }
  return [=, calibration = calibration_.get()](int64_t slice) -> GroupReader {
    const ErrorFeedback& feedback = calibration->feedback(sites[static_cast<size_t>(slice)]);
    return [=, &feedback](int64_t first, int64_t count, uint8_t* codes, float* scales, float* biases) {
      std::vector<float> weights(static_cast<size_t>(count * cols));
      rows.read(first, count, weights.data());
      feedback.round(weights.data(), count, layout, dtype, codes, scales, biases);
    };
  };
}

void Converter::add_rounded(const FloatRows& rows, const std::string& layer, const TensorSpec& tensor) {
  const StoredMatrix& matrix = rows.matrix();
  done_.insert(matrix.name());
  if (matrix.layout() == StoredMatrix::Layout::Affine)
    for (const char* suffix : {".scales", ".biases"}) done_.insert(layer + suffix);
  // No scale is larger than twice the largest weight.
  const bool fits = 2 * largest_magnitude(rows, pool_) <= largest_f16;
  const DType wanted = options_.dtype.value_or(DType::F16), dtype = wanted == DType::F16 && !fits ? DType::F32 : wanted;
  const GroupLayout layout{options_.quantize_bits, static_cast<int>(options_.group_size)};
  std::vector<int64_t> shape = {rows.outputs(), rows.cols()};
  if (matrix.tensor().shape.size() == 3) shape.insert(shape.begin(), rows.slices());
  add_groups(layer, shape, layout, dtype, rounding(rows, tensor, layout, dtype));
}

void Converter::add_groups(const std::string& layer, const std::vector<int64_t>& shape, GroupLayout layout, DType dtype,
                           const SliceReader& read) {
  layouts_[layer] = layout;
  for (TensorToWrite& tensor : group_tensors(layer, shape, layout, dtype, read, pool_)) add(std::move(tensor));
}

// The type of a model's floats, where config.json says it, in all of its parts.
void set_dtype(Json& config, const std::string& name) {
  for (const char* key : {"dtype", "torch_dtype"})
    if (config.contains(key)) config[key] = name;
  for (auto& [key, value] : config.items())
    if (value.is_object() && key != "quantization" && key != "quantization_config") set_dtype(value, name);
}

// config.json with what most layers have and, by name, those that differ: under both names, as mlx-lm writes it.
Json Converter::config() const {
  Json config = checkpoint_.config;
  config.erase("quantization");
  config.erase("quantization_config");
  if (options_.dtype) {
    const std::string name = *options_.dtype == DType::F16    ? "float16"
                             : *options_.dtype == DType::BF16 ? "bfloat16"
                                                              : "float32";
    set_dtype(config, name);
    if (!config.contains("dtype")) config["torch_dtype"] = name;  // the older name is known to every reader
  }
  if (layouts_.empty()) return config;
  std::map<GroupLayout, int> counts;
  for (const auto& [layer, layout] : layouts_) counts[layout]++;
  const GroupLayout most = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
                             return a.second < b.second;
                           })->first;
  const auto describe = [](const GroupLayout& layout) {
    return Json{{"group_size", layout.group_size}, {"bits", layout.bits}};
  };
  Json quantization = describe(most);
  quantization["mode"] = "affine";
  for (const auto& [layer, layout] : layouts_)
    if (layout != most) quantization[layer] = describe(layout);
  config["quantization"] = config["quantization_config"] = quantization;
  return config;
}

void check(const ConvertOptions& options) {
  const auto one_of = [](const char* what, int64_t value, std::initializer_list<int64_t> known, const char* names) {
    if (std::find(known.begin(), known.end(), value) == known.end())
      throw Error({.what = std::string(what) + " is not supported", .expected = names, .found = std::to_string(value)});
  };
  one_of("the number of bits", options.quantize_bits, {0, 2, 3, 4, 5, 6, 8}, "2, 3, 4, 5, 6 or 8");
  one_of("the group size", options.group_size, {32, 64, 128}, "32, 64 or 128");
  if (options.dtype && *options.dtype != DType::F32 && *options.dtype != DType::F16 && *options.dtype != DType::BF16)
    throw Error({.what = "the type of floats is not supported",
                 .expected = "F32, F16 or BF16",
                 .found = std::string(info(*options.dtype).name)});
  if (options.max_shard_bytes < 1)
    throw Error({.what = "the size of shards is out of range",
                 .expected = "at least 1 byte",
                 .found = std::to_string(options.max_shard_bytes)});
}

}  // namespace

ConvertReport convert(const Checkpoint& checkpoint, const std::filesystem::path& folder,
                      const ConvertOptions& options) {
  check(options);
  Converter converter(checkpoint, options);
  converter.plan();
  try {
    FolderDraft draft(folder);
    write_safetensors(draft.path(), converter.tensors(),
                      {.max_shard_bytes = options.max_shard_bytes, .progress = options.progress});
    write_companions(checkpoint, draft.path());
    write_text_file(draft.path() / "config.json", converter.config().dump(2) + "\n");
    draft.finish();
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error({.what = "cannot write the folder", .file = folder.string(), .found = error.code().message()});
  }
  ConvertReport report{.tensors = static_cast<int64_t>(converter.tensors().size()),
                       .left_as_floats = converter.left_as_floats(),
                       .decoded = converter.decoded()};
  for (const TensorToWrite& tensor : converter.tensors()) report.bytes += *tensor_bytes(tensor.dtype, tensor.shape);
  return report;
}

}  // namespace foretell
