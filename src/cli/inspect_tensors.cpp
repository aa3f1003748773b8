#include "cli/inspect_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "checkpoint/gguf_blocks.h"
#include "checkpoint/quantized_tensor.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

namespace foretell::cli {
namespace {

// "layers.2" before "layers.10".
bool natural_less(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      i++, j++;
      continue;
    }
    const auto number = [&](const std::string& s, size_t& at) {
      while (at + 1 < s.size() && s[at] == '0' && digit(s[at + 1])) at++;
      const size_t begin = at;
      while (at < s.size() && digit(s[at])) at++;
      return std::string_view(s).substr(begin, at - begin);
    };
    const std::string_view x = number(a, i), y = number(b, j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  return a.size() - i < b.size() - j;
}

// The layer of "LAYER.scales" and "LAYER.biases" whose codes are "LAYER.weight".
bool is_part(const Checkpoint& checkpoint, const std::string& name) {
  for (const std::string suffix : {".scales", ".biases"}) {
    if (!name.ends_with(suffix)) continue;
    const TensorView* codes = checkpoint.find(name.substr(0, name.size() - suffix.size()) + ".weight");
    if (codes != nullptr && codes->dtype == DType::U32) return true;
  }
  return false;
}

// What the tensor's numbers are read as; whole numbers that are no codes (positions, masks) are not.
void find_matrix(ListedTensor& tensor, const Checkpoint& checkpoint, const TensorView& view) {
  const std::string& name = tensor.name;
  const std::string scales = name.ends_with(".weight") ? name.substr(0, name.size() - 7) + ".scales" : "";
  if (view.dtype == DType::U32 && !scales.empty() && checkpoint.find(scales) != nullptr) {
    tensor.matrix = StoredMatrix::find(checkpoint, name);
    return;
  }
  if (!view.quantized && !is_float(view.dtype) && !is_block(view.dtype)) return;
  const bool matrix = view.shape.size() == 2 || view.shape.size() == 3;
  if (matrix || view.quantized || is_block(view.dtype)) {
    tensor.matrix = StoredMatrix::of(view, name);
    return;
  }
  auto flat = std::make_shared<TensorView>(view);
  flat->shape = {flat->elements()};
  flat->interleaved_heads = 0;  // their order makes no difference here
  tensor.matrix = StoredMatrix::of(*flat, name);
  tensor.flat = std::move(flat);
}

// ---- the tree

struct Node {
  std::string name = {};  // without those above
  std::vector<Node> children = {};
  const ListedTensor* tensor = nullptr;
  int64_t tensors = 0, numbers = 0;  // in all below
};

int64_t numbers_of(const ListedTensor& tensor) {
  if (tensor.matrix) return tensor.matrix->rows() * tensor.matrix->cols();
  int64_t count = 1;
  for (const int64_t n : tensor.shape) count *= n;
  return count;
}

void insert(Node& node, const ListedTensor& tensor, std::string_view rest) {
  node.tensors++;
  node.numbers += numbers_of(tensor);
  if (rest.empty()) {
    node.tensor = &tensor;
    return;
  }
  const size_t end = std::min(rest.find('.'), rest.size());
  const std::string name(rest.substr(0, end));
  // Names come in order, so that the last child is the only one that it can belong to.
  if (node.children.empty() || node.children.back().name != name) node.children.push_back({.name = name});
  insert(node.children.back(), tensor, end < rest.size() ? rest.substr(end + 1) : std::string_view());
}

// A chain without branches is one name.
void join_chains(Node& node) {
  for (Node& child : node.children) {
    while (child.children.size() == 1 && child.tensor == nullptr) {
      Node only = std::move(child.children.front());
      only.name = child.name + "." + only.name;
      child = std::move(only);
    }
    join_chains(child);
  }
}

std::string type_text(const ListedTensor& tensor) {
  if (!tensor.matrix || tensor.matrix->layout() != StoredMatrix::Layout::Affine) return visible(tensor.dtype);
  return fmt::format("{}-bit/{}", tensor.matrix->bits(), tensor.matrix->group_size());
}

std::string shape_text(const ListedTensor& tensor) {
  std::vector<int64_t> shape = tensor.shape;
  if (tensor.matrix && !tensor.flat) shape.back() = tensor.matrix->cols();
  std::string text;
  for (const int64_t n : shape) text += (text.empty() ? "" : "×") + std::to_string(n);
  return text;
}

// Three digits or so in at most seven columns.
std::string short_number(double x) {
  const double size = std::abs(x);
  if (x == 0 || (size >= 1e-3 && size < 10)) return fmt::format("{:.3f}", x);
  if (size >= 10 && size < 1e4) return fmt::format("{:.1f}", x);
  return fmt::format("{:.0e}", x);
}

class TreePrinter {
 public:
  explicit TreePrinter(const Terminal& terminal) : terminal_(terminal) {}

  std::string print(const Node& root) {
    collect(root, "", true);
    std::array<int, columns> widths{};
    for (const Line& line : lines_)
      for (size_t c = 0; c < columns; c++) widths[c] = std::max(widths[c], display_width(line.cells[c]));
    int rest = 0;
    for (size_t c = 1; c < columns; c++) rest += widths[c] > 0 ? widths[c] + 1 : 0;
    // A terminal has only so many columns; a pipe takes any.
    if (terminal_.interactive) widths[0] = std::min(widths[0], std::max(20, terminal_.width - rest));
    std::string text;
    for (const Line& line : lines_) {
      std::string row = pad_right(shortened(line.cells[0], widths[0]), widths[0]);
      for (size_t c = 1; c < columns; c++) {
        if (widths[c] == 0) continue;
        row += " " + (c < 3 ? pad_right(line.cells[c], widths[c]) : pad_left(line.cells[c], widths[c]));
      }
      while (row.ends_with(' ')) row.pop_back();
      text += styled(terminal_.color && line.dim, "2", row) + "\n";
    }
    return text;
  }

 private:
  static constexpr size_t columns = 8;  // name, type, shape, smallest, largest, mean, deviation, zeros
  struct Line {
    std::array<std::string, columns> cells;
    bool dim = false;
  };

  void collect(const Node& node, const std::string& indent, bool root) {
    if (root) lines_.push_back({{"tensor", "type", "shape"}, true});
    for (size_t i = 0; i < node.children.size(); i++) {
      const Node& child = node.children[i];
      const bool last = i + 1 == node.children.size();
      const std::string branch = root ? "" : last ? "└ " : "├ ";
      add(child, indent + branch + visible(child.name));
      collect(child, root ? "" : indent + (last ? "  " : "│ "), false);
    }
  }

  void add(const Node& node, const std::string& name) {
    Line line;
    line.cells[0] = name;
    if (node.tensor == nullptr) {
      line.cells[0] += "  " + thousands(node.numbers);
      line.dim = true;
    } else {
      line.cells[1] = type_text(*node.tensor);
      line.cells[2] = shape_text(*node.tensor);
      if (const auto& s = node.tensor->statistics) {
        lines_.front().cells = {"tensor", "type", "shape", "min", "max", "mean", "std", "zeros"};
        if (s->count > s->not_finite) {
          line.cells[3] = short_number(s->smallest), line.cells[4] = short_number(s->largest);
          line.cells[5] = short_number(s->mean()), line.cells[6] = short_number(s->deviation());
        }
        line.cells[7] = s->zeros == 0 ? "0" : fmt::format("{:.1f}%", 100 * s->zero_share());
        if (s->not_finite > 0) line.cells[7] += " " + thousands(s->not_finite) + " not finite";
      }
    }
    lines_.push_back(line);
  }

  // The middle of a long name is the part that is missed least.
  static std::string shortened(const std::string& name, int width) {
    if (display_width(name) <= width) return name;
    std::string head, tail;  // the tree's lines are in the head; names themselves have one byte a column mostly
    const int keep = (width - 1) / 3;
    tail = name.substr(name.size() - static_cast<size_t>(keep));
    for (size_t at = 0; at < name.size();) {
      size_t length = 1;
      while (at + length < name.size() && (static_cast<unsigned char>(name[at + length]) & 0xc0) == 0x80) length++;
      if (display_width(head) + 1 + keep + display_width(name.substr(at, length)) > width) break;
      head += name.substr(at, length);
      at += length;
    }
    return head + "…" + tail;
  }

  const Terminal& terminal_;
  std::vector<Line> lines_;
};

}  // namespace

std::vector<ListedTensor> stored_tensors(const Checkpoint& checkpoint) {
  std::vector<ListedTensor> list;
  for (const auto& [name, view] : checkpoint.tensors) {
    ListedTensor tensor{.name = name, .dtype = std::string(info(view.dtype).name), .shape = view.shape};
    tensor.bytes = static_cast<int64_t>(view.bytes.size());
    if (view.quantized) {
      tensor.dtype = view.quantized->description;
      tensor.bytes = view.quantized->stored_bytes();
    }
    tensor.part = is_part(checkpoint, name);
    find_matrix(tensor, checkpoint, view);
    list.push_back(std::move(tensor));
  }
  std::sort(list.begin(), list.end(),
            [](const ListedTensor& a, const ListedTensor& b) { return natural_less(a.name, b.name); });
  return list;
}

std::vector<ListedTensor> declared_tensors(const std::vector<TensorSpec>& table, DType dtype) {
  std::vector<ListedTensor> list;
  for (const TensorSpec& tensor : table) {
    int64_t bytes = info(dtype).block_bytes;
    for (const int64_t size : tensor.shape) {
      if (__builtin_mul_overflow(bytes, size, &bytes))
        throw Error({.what = "a tensor is too large", .where = tensor.name, .expected = "fewer than 2^63 bytes"});
    }
    list.push_back(
        {.name = tensor.name, .dtype = std::string(info(dtype).name), .shape = tensor.shape, .bytes = bytes});
  }
  return list;
}

void read_statistics(std::vector<ListedTensor>& tensors, const Context& context, const std::string& what) {
  std::vector<StoredMatrix> matrices;
  int64_t total = 0, done = 0;
  for (const ListedTensor& tensor : tensors) {
    if (!tensor.matrix) continue;
    matrices.push_back(*tensor.matrix);
    total += numbers_of(tensor);
  }
  const InterruptGuard guard;
  const Terminal& terminal = context.err_terminal;
  Progress progress(what, terminal.interactive && !context.options.quiet, terminal.width);
  ThreadPool pool(static_cast<int>(context.options.threads.value_or(available_cores())));
  const auto all = tensor_statistics(matrices, pool, [&](int64_t numbers) {
    stop_if_interrupted();
    done += numbers;
    progress.update(static_cast<double>(done) / static_cast<double>(total));
  });
  size_t next = 0;
  for (ListedTensor& tensor : tensors)
    if (tensor.matrix) tensor.statistics = all[next++];
}

nlohmann::ordered_json tensors_json(const std::vector<ListedTensor>& tensors) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ListedTensor& t : tensors) {
    nlohmann::ordered_json entry = {{"name", t.name}, {"dtype", t.dtype}, {"shape", t.shape}};
    if (t.matrix && t.matrix->layout() == StoredMatrix::Layout::Affine) entry["layout"] = t.matrix->describe();
    if (const auto& s = t.statistics) {
      const bool some = s->count > s->not_finite;
      const auto number = [&](double x) { return some ? nlohmann::ordered_json(x) : nullptr; };
      entry.update({{"min", number(s->smallest)},
                    {"max", number(s->largest)},
                    {"mean", number(s->mean())},
                    {"std", number(s->deviation())},
                    {"zeros", s->zero_share()},
                    {"not_finite", s->not_finite}});
    }
    list.push_back(entry);
  }
  return list;
}

std::string tensor_tree(const std::vector<ListedTensor>& tensors, const Terminal& terminal) {
  std::vector<const ListedTensor*> shown;
  for (const ListedTensor& tensor : tensors)
    if (!tensor.part) shown.push_back(&tensor);
  // Parts of names are compared one by one, so that all of a branch stand together.
  std::stable_sort(shown.begin(), shown.end(), [](const ListedTensor* a, const ListedTensor* b) {
    const auto first = [](const std::string& s) { return s.substr(0, s.find('.')); };
    const std::string x = first(a->name), y = first(b->name);
    return x != y ? natural_less(x, y) : natural_less(a->name, b->name);
  });
  Node root;
  for (const ListedTensor* tensor : shown) insert(root, *tensor, tensor->name);
  join_chains(root);
  return TreePrinter(terminal).print(root);
}

}  // namespace foretell::cli
