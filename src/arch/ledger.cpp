#include "arch/ledger.h"

#include <array>
#include <optional>

#include "foretell/error.h"

namespace foretell {
namespace {

// The rows in their order.
enum class Category : uint8_t {
  Embedding,
  Query,
  Key,
  Value,
  Output,
  Up,
  Gate,
  Down,
  Unembedding,
  Biases,
  Norms,
  Positions,
  Other,
  Buffers,
};
constexpr std::array<const char*, 14> names = {
    "Embedding",       "Query",       "Key",    "Value", "Output",    "Up-projection", "Gate-projection",
    "Down-projection", "Unembedding", "Biases", "Norms", "Positions", "Other",         "Buffers"};
constexpr size_t chapter_rows = static_cast<size_t>(Category::Biases);

bool vectors(Category category) { return category == Category::Biases || category == Category::Norms; }

// One matrix of a tensor: fused tensors hold several.
struct Piece {
  Category category;
  int64_t rows, cols;
  int64_t count = 1;
};

int64_t product(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result))
    throw Error({.what = "the model is too large to count", .expected = "fewer than 2^63 parameters"});
  return result;
}

int64_t sum(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result))
    throw Error({.what = "the model is too large to count", .expected = "fewer than 2^63 parameters"});
  return result;
}

// The layer that a tensor belongs to.
const LayerSpec& layer_of(const ModelSpec& spec, const TensorSpec& tensor) {
  return spec.layers.at(static_cast<size_t>(tensor.layer));
}

Category category_of(Role role) {
  if (is_norm(role)) return Category::Norms;
  if (is_buffer(role)) return Category::Buffers;
  switch (role) {
    case Role::Embedding:
    case Role::PerLayerEmbedding:
      return Category::Embedding;
    case Role::Positions:
      return Category::Positions;
    case Role::Query:
    case Role::QueryKeyValue:
    case Role::QueryGate:
    case Role::QueryDown:
    case Role::QueryUp:
      return Category::Query;
    case Role::Key:
    case Role::KeyValueDown:
    case Role::KeyValueUp:
      return Category::Key;
    case Role::Value:
      return Category::Value;
    case Role::Output:
    case Role::DeltaOutput:
    case Role::ConvolutionOut:
      return Category::Output;
    case Role::Gate:
    case Role::GateUp:
    case Role::ExpertGate:
    case Role::ExpertGateUp:
    case Role::SharedGate:
    case Role::SharedGateUp:
      return Category::Gate;
    case Role::Up:
    case Role::ExpertUp:
    case Role::SharedUp:
      return Category::Up;
    case Role::Down:
    case Role::ExpertDown:
    case Role::SharedDown:
      return Category::Down;
    case Role::Unembedding:
      return Category::Unembedding;
    default:
      return Category::Other;
  }
}

// The matrices that a stored tensor holds.
std::vector<Piece> pieces_of(const Family& family, const ModelSpec& spec, const TensorSpec& tensor) {
  const Category category = category_of(tensor.role);
  const std::vector<int64_t>& shape = tensor.shape;
  if (category == Category::Norms) {  // scales, and shifts where it has them
    int64_t elements = 1;
    for (const int64_t n : shape) elements = product(elements, n);
    return {{Category::Norms, elements, 1}};
  }
  if (tensor.part == Part::Bias) {
    int64_t elements = 1;
    for (const int64_t n : shape) elements = product(elements, n);
    return {{Category::Biases, elements, 1}};
  }
  const bool stack =
      shape.size() == 3 && (category == Category::Gate || category == Category::Up || category == Category::Down);
  if (shape.size() != 2 && !stack) {
    int64_t elements = 1;
    for (const int64_t n : shape) elements = product(elements, n);
    return {{category, elements, 1}};
  }
  const int64_t count = stack ? shape[0] : 1;
  int64_t rows = shape[shape.size() - 2], cols = shape.back();
  if ((family.conv1d && tensor.layer >= 0) || (stack && spec.storage.experts_transposed)) std::swap(rows, cols);
  switch (tensor.role) {
    case Role::Embedding:  // [vocabulary, hidden] as stored; it multiplies a one-hot vector
    case Role::PerLayerEmbedding:
      return {{category, cols, rows}};
    case Role::QueryKeyValue: {
      const Attention& a = *attention_of(layer_of(spec, tensor));
      return {{Category::Query, product(a.heads, a.head_dim), cols},
              {Category::Key, product(a.kv_heads, a.head_dim), cols},
              {Category::Value, product(a.kv_heads, a.value_head_dim), cols}};
    }
    case Role::QueryGate:
      return {{Category::Query, rows / 2, cols}, {Category::Other, rows / 2, cols}};
    case Role::KeyValueUp: {
      const Attention& a = *attention_of(layer_of(spec, tensor));
      const int64_t values = product(a.heads, a.value_head_dim);
      return {{Category::Key, rows - values, cols}, {Category::Value, values, cols}};
    }
    case Role::GateUp:
    case Role::ExpertGateUp:
    case Role::SharedGateUp:
      return {{Category::Gate, rows / 2, cols, count}, {Category::Up, rows - rows / 2, cols, count}};
    default:
      return {{category, rows, cols, count}};
  }
}

// As the lesson sees it: a matrix for each head.
Piece by_heads(const Piece& piece, const ModelSpec& spec, const TensorSpec& tensor) {
  if (piece.category != Category::Query && piece.category != Category::Key && piece.category != Category::Value)
    return piece;
  const Attention* a = attention_of(layer_of(spec, tensor));
  if (a == nullptr) return piece;
  const int64_t heads = piece.category == Category::Query ? a->heads : a->kv_heads;
  if (piece.rows % heads != 0) return piece;
  return {piece.category, piece.rows / heads, piece.cols, heads};
}

class Counter {
 public:
  void add(const Piece& piece) {
    LedgerRow& row = rows_.at(static_cast<size_t>(piece.category));
    if (row.count == 0) {
      row.rows = piece.rows;
      row.cols = piece.cols;
    } else if (row.rows != piece.rows || row.cols != piece.cols) {
      row.rows = row.cols = 0;
    }
    row.count = sum(row.count, piece.count);
    row.total = sum(row.total, product(product(piece.rows, piece.cols), piece.count));
  }

  // A row that is always there, be it of no matrix.
  void shape(Category category, int64_t rows, int64_t cols) {
    LedgerRow& row = rows_.at(static_cast<size_t>(category));
    if (row.count == 0) row.rows = rows, row.cols = cols;
  }

  Ledger finish(LedgerKind kind) {
    Ledger ledger;
    const size_t end = kind == LedgerKind::Chapter ? chapter_rows : rows_.size();
    for (size_t i = 0; i < end; i++) {
      LedgerRow& row = rows_[i];
      const auto category = static_cast<Category>(i);
      if (category == Category::Gate && row.count == 0) continue;
      row.name = names[i];
      row.parameters = category != Category::Buffers;
      row.matrices = !vectors(category) && row.parameters;
      if (row.parameters) ledger.total = sum(ledger.total, row.total);
      if (row.matrices) ledger.matrices = sum(ledger.matrices, row.count);
      ledger.rows.push_back(row);
    }
    return ledger;
  }

 private:
  std::array<LedgerRow, names.size()> rows_;
};

}  // namespace

Ledger make_ledger(const Family& family, const ModelSpec& spec, LedgerKind kind) {
  Counter counter;
  for (const TensorSpec& tensor : tensor_table(family, spec)) {
    for (const Piece& piece : pieces_of(family, spec, tensor))
      counter.add(kind == LedgerKind::Chapter ? by_heads(piece, spec, tensor) : piece);
  }
  if (spec.tied_embeddings) {
    if (kind == LedgerKind::Chapter) counter.add({Category::Unembedding, spec.vocabulary, spec.hidden});
    counter.shape(Category::Unembedding, spec.vocabulary, spec.hidden);
  }
  return counter.finish(kind);
}

int64_t parameter_count(const Family& family, const ModelSpec& spec) {
  return make_ledger(family, spec, LedgerKind::Exact).total;
}

}  // namespace foretell
