#include "model/convert.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "arch/family.h"
#include "arch/open_model.h"
#include "base/float16.h"
#include "base/mapped_file.h"
#include "checkpoint/gguf_blocks.h"
#include "checkpoint/quantization.h"
#include "checkpoint/quantize.h"
#include "checkpoint/stored_matrix.h"
#include "checkpoint/writer.h"
#include "foretell/error.h"
#include "model/folder_draft.h"

namespace foretell {
namespace {

struct GroupLayout {
  int bits = 0, group_size = 0;
  friend auto operator<=>(const GroupLayout&, const GroupLayout&) = default;
};

// Rows of affine groups: codes [cols], one a byte; scales and biases [cols / group_size].
using GroupReader = std::function<void(int64_t row, uint8_t* codes, float* scales, float* biases)>;

// Codes as one string of bits, the lowest first.
void pack_bits(const uint8_t* codes, int64_t count, int bits, std::byte* out) {
  uint32_t pending = 0;
  int have = 0;
  for (int64_t i = 0; i < count; i++) {
    pending |= static_cast<uint32_t>(codes[i]) << have;
    for (have += bits; have >= 8; have -= 8, pending >>= 8) *out++ = static_cast<std::byte>(pending & 0xff);
  }
}

void store(float value, DType dtype, std::byte*& out) {
  if (dtype == DType::F16) {
    const uint16_t bits = f16_from_float(value);
    std::memcpy(out, &bits, sizeof bits);
    out += sizeof bits;
  } else {
    std::memcpy(out, &value, sizeof value);
    out += sizeof value;
  }
}

bool is_f16(float value) { return float_from_f16(f16_from_float(value)) == value; }

// The rows of a float matrix, [outputs, inputs], from one that is stored so or, with `transposed`, turned round.
class FloatRows {
 public:
  FloatRows(StoredMatrix matrix, bool transposed) : matrix_(std::move(matrix)), transposed_(transposed) {}

  int64_t rows() const { return transposed_ ? matrix_.cols() : matrix_.rows(); }
  int64_t cols() const { return transposed_ ? matrix_.rows() : matrix_.cols(); }
  const StoredMatrix& matrix() const { return matrix_; }

  // Rows are asked for in order, so that a block of columns is read at once. Valid until the next call.
  const float* row(int64_t row) {
    const auto cols = static_cast<size_t>(this->cols());
    if (!transposed_) {
      buffer_.resize(cols);
      matrix_.read_row(row, buffer_.data());
      return buffer_.data();
    }
    if (row < first_ || row >= first_ + count_) {
      first_ = row;
      count_ = std::min<int64_t>(block, rows() - row);
      buffer_.resize(static_cast<size_t>(count_) * cols);
      float piece[block];
      for (size_t c = 0; c < cols; c++) {
        matrix_.read(static_cast<int64_t>(c), first_, first_ + count_, piece);
        for (int64_t r = 0; r < count_; r++) buffer_[static_cast<size_t>(r) * cols + c] = piece[r];
      }
    }
    return buffer_.data() + static_cast<size_t>(row - first_) * cols;
  }

 private:
  static constexpr int64_t block = 256;
  StoredMatrix matrix_;
  bool transposed_;
  std::vector<float> buffer_;
  int64_t first_ = 0, count_ = 0;
};

constexpr float largest_f16 = 65504;
constexpr float largest_weight = 1e38f;  // so that the range of a group is finite

// A row of floats as groups. With scales in F16 the codes are chosen for the scale and bias as they are stored.
void round_row(const float* values, int64_t cols, GroupLayout layout, DType dtype, uint8_t* codes, float* scales,
               float* biases) {
  const auto size = static_cast<size_t>(cols), group_size = static_cast<size_t>(layout.group_size);
  const size_t groups = size / group_size;
  quantize_affine({values, size}, layout.bits, layout.group_size, {codes, size}, {scales, groups}, {biases, groups});
  if (dtype == DType::F32) return;
  const auto most = static_cast<float>((1 << layout.bits) - 1);
  for (size_t g = 0; g < groups; g++) {
    const float scale = scales[g] = float_from_f16(f16_from_float(scales[g]));
    const float bias = biases[g] = float_from_f16(f16_from_float(biases[g]));
    for (size_t i = g * group_size; i < (g + 1) * group_size; i++) {
      const float code = scale == 0 ? 0 : std::nearbyint((values[i] - bias) / scale);
      codes[i] = static_cast<uint8_t>(std::clamp(code, 0.0f, most));
    }
  }
}

// The name of a weight without ".weight", which stacks of experts do not have.
std::string layer_of(const std::string& name) {
  constexpr std::string_view suffix = ".weight";
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

class Converter {
 public:
  Converter(const Checkpoint& checkpoint, const ConvertOptions& options)
      : checkpoint_(checkpoint), options_(options), config_(checkpoint.config, checkpoint.config_file()) {}

  void plan() {
    const Family& family = find_family(config_);
    const ModelSpec spec = family.describe(config_);
    for (const TensorSpec& tensor : tensor_table(family, spec)) {
      const std::string name = stored_name(family, checkpoint_, tensor.name);
      if (is_buffer(tensor.role) && checkpoint_.find(name) == nullptr) continue;
      if (tensor.part == Part::Weight && tensor.shape.size() == 2 && !is_norm(tensor.role))
        add_matrix(name, tensor.role, family.conv1d && tensor.layer >= 0);
      else if (tensor.part == Part::Weight && tensor.shape.size() == 3 && spec.storage.experts_transposed &&
               checkpoint_.format == "gguf")
        add_turned_stack(name);
      else
        add_plain(name);
    }
    // What else lies in the folder is carried along.
    for (const auto& [name, view] : checkpoint_.tensors) {
      if (name.ends_with(".scales") && !done_.contains(name)) note_layout(name.substr(0, name.rfind('.')));
      add_plain(name);
    }
  }

  const std::vector<TensorToWrite>& tensors() const { return tensors_; }
  Json config() const;
  const std::vector<std::string>& left_as_floats() const { return left_as_floats_; }
  const std::vector<std::string>& decoded() const { return decoded_; }

 private:
  void add(std::string name, DType dtype, std::vector<int64_t> shape, std::function<void(std::span<std::byte>)> fill) {
    tensors_.push_back({std::move(name), dtype, std::move(shape), std::move(fill)});
  }
  void note_layout(const std::string& layer);
  void add_plain(const std::string& name);
  void add_matrix(const std::string& name, Role role, bool conv1d);
  void add_groups(const std::string& layer, const std::vector<int64_t>& shape, GroupLayout layout, DType dtype,
                  const GroupReader& read);
  void add_lossless(const StoredMatrix& matrix);
  void add_rounded(const std::shared_ptr<FloatRows>& rows, const std::string& layer);
  void add_transposed(const std::string& name);
  void add_turned_stack(const std::string& name);
  void add_decoded(const StoredMatrix& matrix, std::vector<int64_t> shape, bool transposed);

  const Checkpoint& checkpoint_;
  const ConvertOptions& options_;
  ConfigReader config_;
  std::vector<TensorToWrite> tensors_;
  std::set<std::string> done_;
  std::map<std::string, GroupLayout> layouts_;  // by the layer's name
  std::vector<std::string> left_as_floats_, decoded_;
};

// Of groups that the architecture does not know.
void Converter::note_layout(const std::string& layer) {
  const LayerQuantization quantization = layer_quantization(checkpoint_, layer);
  if (quantization.kind != LayerQuantization::Kind::None)
    layouts_[layer] = {quantization.bits, quantization.group_size};
}

// A tensor as it is, but for what GGUF does to vectors.
void Converter::add_plain(const std::string& name) {
  if (!done_.insert(name).second) return;
  const TensorView& view = checkpoint_.at(name);
  if (is_block(view.dtype) || view.quantized) {
    const StoredMatrix matrix = StoredMatrix::of(view, name);
    if (matrix.layout() == StoredMatrix::Layout::Joined) return add_lossless(matrix);
    return add_decoded(matrix, view.shape, false);
  }
  if (view.offset == 0 && view.interleaved_heads == 0) {
    add(name, view.dtype, view.shape, [&view](std::span<std::byte> out) {
      std::copy(view.bytes.begin(), view.bytes.end(), out.begin());
      if (view.mapped) release_pages(view.bytes);
    });
    return;
  }
  add(name, DType::F32, view.shape, [&view](std::span<std::byte> out) {
    std::vector<float> values(static_cast<size_t>(view.elements()));
    read_floats(view, 0, view.elements(), values.data());
    std::memcpy(out.data(), values.data(), out.size());
  });
}

// Blocks as floats, which is their only form without loss.
void Converter::add_decoded(const StoredMatrix& matrix, std::vector<int64_t> shape, bool transposed) {
  done_.insert(matrix.name());
  decoded_.push_back(matrix.name());
  if (transposed) std::swap(shape[0], shape[1]);
  add(matrix.name(), DType::F32, std::move(shape), [matrix, transposed](std::span<std::byte> out) {
    const int64_t rows = matrix.rows(), cols = matrix.cols();
    std::vector<float> row(static_cast<size_t>(cols));
    for (int64_t r = 0; r < rows; r++) {
      matrix.read_row(r, row.data());
      for (int64_t c = 0; c < cols; c++)
        std::memcpy(out.data() + 4 * (transposed ? c * rows + r : r * cols + c), &row[static_cast<size_t>(c)], 4);
    }
  });
}

// The floats of a matrix turned round, as GPT-2's Conv1D is published.
void Converter::add_transposed(const std::string& name) {
  done_.insert(name);
  const TensorView& view = checkpoint_.at(name);
  const int64_t rows = view.shape[0], cols = view.shape[1];
  const auto size = static_cast<size_t>(info(view.dtype).block_bytes);
  add(name, view.dtype, {cols, rows}, [&view, rows, cols, size](std::span<std::byte> out) {
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = 0; c < cols; c++)
        std::memcpy(out.data() + static_cast<size_t>(c * rows + r) * size,
                    view.bytes.data() + static_cast<size_t>(r * cols + c) * size, size);
  });
}

// GGUF's stacks of experts have outputs first; some families publish floats the other way round, but groups not.
void Converter::add_turned_stack(const std::string& name) {
  const StoredMatrix stack = StoredMatrix::of(checkpoint_.at(name), name);
  if (stack.layout() == StoredMatrix::Layout::Joined) return add_plain(name);
  done_.insert(name);
  if (stack.layout() != StoredMatrix::Layout::Float) decoded_.push_back(name);
  const int64_t slices = stack.slices(), rows = stack.rows() / slices, cols = stack.cols();
  add(name, DType::F32, {slices, cols, rows}, [=](std::span<std::byte> out) {
    std::vector<float> row(static_cast<size_t>(cols));
    for (int64_t r = 0; r < slices * rows; r++) {
      stack.read_row(r, row.data());
      for (int64_t c = 0; c < cols; c++)
        std::memcpy(out.data() + 4 * ((r / rows * cols + c) * rows + r % rows), &row[static_cast<size_t>(c)], 4);
    }
  });
}

void Converter::add_matrix(const std::string& name, Role role, bool conv1d) {
  const StoredMatrix matrix = StoredMatrix::find(checkpoint_, name);
  const std::string layer = layer_of(name);
  if (matrix.layout() == StoredMatrix::Layout::Affine) {
    layouts_[layer] = {matrix.bits(), matrix.group_size()};
    for (const char* suffix : {".weight", ".scales", ".biases"}) add_plain(layer + suffix);
    return;
  }
  if (matrix.grouped()) return add_lossless(matrix);
  const bool outputs_first = !conv1d || checkpoint_.format == "gguf";
  const auto rows = std::make_shared<FloatRows>(matrix, !outputs_first);
  if (options_.quantize_bits != 0 && role != Role::Positions && role != Role::Router) {
    if (rows->cols() % options_.group_size == 0) return add_rounded(rows, layer);
    left_as_floats_.push_back(name);
  }
  if (matrix.layout() == StoredMatrix::Layout::Decoded)
    return add_decoded(matrix, matrix.tensor().shape, conv1d && outputs_first);
  if (conv1d && outputs_first) return add_transposed(name);
  if (matrix.tensor().interleaved_heads == 0) return add_plain(name);
  done_.insert(name);
  add(name, matrix.tensor().dtype, matrix.tensor().shape, [matrix](std::span<std::byte> out) {
    const size_t stride = out.size() / static_cast<size_t>(matrix.rows());
    for (int64_t r = 0; r < matrix.rows(); r++)
      std::memcpy(out.data() + static_cast<size_t>(r) * stride, matrix.row_bytes(r), stride);
  });
}

// Groups of any format as MLX's, which have 128 inputs at most.
void Converter::add_lossless(const StoredMatrix& matrix) {
  done_.insert(matrix.name());
  const int stored = matrix.group_size(), size = stored % 128 == 0 ? 128 : stored % 64 == 0 ? 64 : 32;
  const GroupReader read = [matrix, parts = stored / size](int64_t row, uint8_t* codes, float* scales, float* biases) {
    matrix.read_groups(row, codes, scales, biases);
    for (int64_t g = matrix.cols() / matrix.group_size() - 1; g >= 0; g--) {  // each to where its parts stand
      std::fill_n(scales + g * parts, parts, scales[g]);
      std::fill_n(biases + g * parts, parts, biases[g]);
    }
  };
  const int64_t groups = matrix.cols() / size;
  std::vector<uint8_t> codes(static_cast<size_t>(matrix.cols()));
  std::vector<float> scales(static_cast<size_t>(groups)), biases(scales);
  bool exact = true;
  for (int64_t r = 0; r < matrix.rows() && exact; r++) {
    read(r, codes.data(), scales.data(), biases.data());
    exact = std::all_of(scales.begin(), scales.end(), is_f16) && std::all_of(biases.begin(), biases.end(), is_f16);
  }
  add_groups(layer_of(matrix.name()), matrix.tensor().shape, {matrix.bits(), size}, exact ? DType::F16 : DType::F32,
             read);
}

void Converter::add_rounded(const std::shared_ptr<FloatRows>& rows, const std::string& layer) {
  const StoredMatrix& matrix = rows->matrix();
  done_.insert(matrix.name());
  float largest = 0;
  std::vector<float> row(static_cast<size_t>(matrix.cols()));
  for (int64_t r = 0; r < matrix.rows(); r++) {
    matrix.read_row(r, row.data());
    for (const float value : row) {
      if (!(std::fabs(value) < largest_weight))
        throw Error({.what = "a weight cannot be rounded to groups",
                     .file = matrix.tensor().file.string(),
                     .where = matrix.name() + " row " + std::to_string(r),
                     .expected = "a finite number",
                     .found = std::to_string(value)});
      largest = std::max(largest, std::fabs(value));
    }
  }
  // No scale is larger than twice the largest weight.
  const DType dtype = 2 * largest <= largest_f16 ? DType::F16 : DType::F32;
  const GroupLayout layout{options_.quantize_bits, static_cast<int>(options_.group_size)};
  add_groups(layer, {rows->rows(), rows->cols()}, layout, dtype,
             [rows, layout, dtype](int64_t r, uint8_t* codes, float* scales, float* biases) {
               round_row(rows->row(r), rows->cols(), layout, dtype, codes, scales, biases);
             });
}

// The three tensors of MLX's layout: words of codes, scales, biases. `dtype` is that of the last two.
void Converter::add_groups(const std::string& layer, const std::vector<int64_t>& shape, GroupLayout layout, DType dtype,
                           const GroupReader& read) {
  layouts_[layer] = layout;
  const int64_t cols = shape.back(), groups = cols / layout.group_size;
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); i++) rows *= shape[i];
  const auto with_last = [&](int64_t size) {
    std::vector<int64_t> sizes = shape;
    sizes.back() = size;
    return sizes;
  };
  // Scales and biases come with the codes and are kept until it is their turn.
  struct Kept {
    std::vector<float> scales, biases;
  };
  const auto kept = std::make_shared<Kept>();
  add(layer + ".weight", DType::U32, with_last(cols * layout.bits / 32), [=](std::span<std::byte> out) {
    std::vector<uint8_t> codes(static_cast<size_t>(cols));
    kept->scales.resize(static_cast<size_t>(rows * groups));
    kept->biases.resize(kept->scales.size());
    std::byte* at = out.data();
    for (int64_t r = 0; r < rows; r++, at += cols * layout.bits / 8) {
      read(r, codes.data(), kept->scales.data() + r * groups, kept->biases.data() + r * groups);
      pack_bits(codes.data(), cols, layout.bits, at);
    }
  });
  const auto add_floats = [&](const char* suffix, std::vector<float> Kept::*values) {
    add(layer + suffix, dtype, with_last(groups), [=](std::span<std::byte> out) {
      std::byte* at = out.data();
      for (const float value : (*kept).*values) store(value, dtype, at);
      ((*kept).*values) = {};
    });
  };
  add_floats(".scales", &Kept::scales);
  add_floats(".biases", &Kept::biases);
}

// config.json with what most layers have and, by name, those that differ: under both names, as mlx-lm writes it.
Json Converter::config() const {
  Json config = checkpoint_.config;
  config.erase("quantization");
  config.erase("quantization_config");
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
