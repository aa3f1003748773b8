#include "model/finder.h"

#include <algorithm>

#include "arch/open_model.h"
#include "foretell/error.h"
#include "model/padding.h"

namespace foretell {
namespace {

// Formats differ in whether a vector is [n], [n, 1] or [1, n], and a number [] or [1].
std::vector<int64_t> without_ones(std::vector<int64_t> shape) {
  std::erase(shape, 1);
  return shape;
}

int64_t stored_row(const Rows& rows, int64_t r) {
  return rows.run == 0 ? rows.first + r : rows.first + r / rows.run * rows.step + r % rows.run;
}

}  // namespace

Finder::Finder(const Family& family, const ModelSpec& spec, const Checkpoint& checkpoint)
    : family_(family), spec_(spec), checkpoint_(checkpoint) {
  for (TensorSpec& tensor : tensor_table(family, spec)) {
    const auto key = std::tuple(tensor.layer, tensor.expert, tensor.role, tensor.part);
    tensors_.emplace(key, std::move(tensor));
  }
}

// A tensor of the expert alone, or else the stack of all.
const TensorSpec* Finder::find(Place place, Role role, Part part) const {
  auto it = tensors_.find(std::tuple(place.layer, place.expert, role, part));
  if (it == tensors_.end()) it = tensors_.find(std::tuple(place.layer, int64_t{-1}, role, part));
  return it == tensors_.end() ? nullptr : &it->second;
}

const TensorSpec& Finder::at(Place place, Role role, Part part) const {
  if (const TensorSpec* spec = find(place, role, part)) return *spec;
  throw Error({.what = "the family names no tensor for a role",
               .file = checkpoint_.path.string(),
               .where = "layer " + std::to_string(place.layer),
               .expected = std::string(name(role))});
}

void Finder::check(const TensorView& tensor, const std::string& name, const std::vector<int64_t>& expected,
                   const std::vector<int64_t>& found) const {
  if (expected == found) return;
  throw Error({.what = "a tensor has another shape than config.json says",
               .file = tensor.file.string(),
               .where = name,
               .expected = shape_text(expected),
               .found = shape_text(found)});
}

MatrixSource Finder::matrix(Place place, Role role, const Rows& rows) const {
  const TensorSpec& spec = at(place, role, Part::Weight);
  const bool stack = spec.shape.size() == 3;
  MatrixSource source;
  source.stored = StoredMatrix::find(checkpoint_, stored_name(family_, checkpoint_, spec.name));
  std::vector<int64_t> expected = spec.shape, found = {source.stored.rows(), source.stored.cols()};
  if (stack) {
    found = {source.stored.slices(), source.stored.rows() / source.stored.slices(), source.stored.cols()};
    if (found[0] != expected[0]) check(source.stored.tensor(), source.stored.name(), expected, found);
    source.stored = source.stored.slice(place.expert);
  }
  int64_t& expected_rows = expected[expected.size() - 2];
  // Conv1D's [inputs, outputs] is the layout of float tensors in published folders, and that of stacks of experts of
  // float8 too; groups and GGUF have outputs first.
  const bool turned = (family_.conv1d && place.layer >= 0) || (stack && spec_.storage.experts_transposed);
  const StoredMatrix::Layout layout = source.stored.layout();
  source.transposed = turned && checkpoint_.format != "gguf" &&
                      (layout == StoredMatrix::Layout::Float || (stack && layout == StoredMatrix::Layout::Decoded));
  if (turned && !source.transposed) std::swap(expected_rows, expected.back());
  // Stacks may lie the other way round than most of the family's folders have them (Qwen3-VL); the shape tells.
  const bool plain = layout == StoredMatrix::Layout::Float || layout == StoredMatrix::Layout::Decoded;
  if (stack && plain && expected != found && found[1] == expected[2] && found[2] == expected[1]) {
    std::swap(expected[1], expected[2]);
    source.transposed = !source.transposed;
  }
  check(source.stored.tensor(), source.stored.name(), expected, found);
  source.rows = source.transposed ? expected.back() : expected_rows;
  source.cols = source.transposed ? expected_rows : expected.back();
  if (rows.count >= 0) {
    source.first = rows.first;
    source.run = rows.run;
    source.step = rows.step;
    source.rows = rows.count;
  }
  return source;
}

Vector Finder::vector(Place place, Role role, Part part, const Rows& rows) const {
  const TensorSpec* spec = find(place, role, part);
  if (spec == nullptr) return {};
  const std::string name = stored_name(family_, checkpoint_, spec->name);
  const TensorView& view = checkpoint_.at(name);
  check(view, name, without_ones(spec->shape), without_ones(view.shape));
  const bool stack = place.expert >= 0 && spec->expert < 0;
  const int64_t size = stack ? view.elements() / spec->shape.front() : view.elements();
  std::vector<float> all(static_cast<size_t>(size));
  read_floats(view, stack ? place.expert * size : 0, stack ? (place.expert + 1) * size : size, all.data());
  const int64_t count = rows.count < 0 ? size : rows.count;
  Vector values(padded(count));
  for (int64_t r = 0; r < count; r++) values[r] = all[static_cast<size_t>(stored_row(rows, r))];
  return values;
}

Vector Finder::table(Place place, Role role, int64_t rows, int64_t cols) const {
  const int64_t stride = padded(cols);
  Vector values(rows * stride);
  if (!is_norm(role)) {  // it may be quantized
    const MatrixSource source = matrix(place, role);
    for (int64_t r = 0; r < rows; r++) source.stored.read_row(r, values.data() + r * stride);
    return values;
  }
  const TensorSpec& spec = at(place, role, Part::Weight);
  const std::string name = stored_name(family_, checkpoint_, spec.name);
  const TensorView& view = checkpoint_.at(name);
  check(view, name, without_ones(spec.shape), without_ones(view.shape));
  for (int64_t r = 0; r < rows; r++) read_floats(view, r * cols, (r + 1) * cols, values.data() + r * stride);
  return values;
}

float Finder::number(Place place, Role role, float fallback) const {
  const TensorSpec& spec = at(place, role, Part::Weight);
  const TensorView* view = checkpoint_.find(stored_name(family_, checkpoint_, spec.name));
  if (view == nullptr) return fallback;
  check(*view, spec.name, {}, without_ones(view->shape));
  float value = 0;
  read_floats(*view, 0, 1, &value);
  return value;
}

}  // namespace foretell
