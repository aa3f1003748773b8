#include "arch/apply_adapter.h"

#include <algorithm>
#include <memory>

#include "arch/open_model.h"
#include "checkpoint/stored_matrix.h"
#include "foretell/error.h"

namespace foretell {
namespace {

// The update of a matrix that is stored [inputs, outputs].
LowRankUpdate turned(const LowRankUpdate& u) {
  LowRankUpdate t{.rank = u.rank, .rows = u.cols, .cols = u.rows, .left = {}, .right = {}, .magnitudes = {}};
  t.left.resize(u.right.size());
  t.right.resize(u.left.size());
  for (int64_t k = 0; k < u.rank; k++) {
    for (int64_t c = 0; c < u.cols; c++)
      t.left[static_cast<size_t>(c * u.rank + k)] = u.right[static_cast<size_t>(k * u.cols + c)];
    for (int64_t r = 0; r < u.rows; r++)
      t.right[static_cast<size_t>(k * u.rows + r)] = u.left[static_cast<size_t>(r * u.rank + k)];
  }
  return t;
}

class Applier {
 public:
  Applier(Checkpoint& checkpoint, const Family& family, const ModelSpec& spec, const Adapter& adapter)
      : checkpoint_(checkpoint), family_(family), spec_(spec), adapter_(adapter), table_(tensor_table(family, spec)) {}

  void update(const Adapter::Update& update) {
    const TensorSpec& tensor = find(update.module + ".weight");
    const bool end = tensor.role == Role::Embedding || tensor.role == Role::Unembedding;
    if (end && spec_.tied_embeddings)
      throw error("an adapter changes an embedding that is the unembedding as well", update.module,
                  "adapters of other modules", "");
    const bool stored_turned = family_.conv1d && tensor.layer >= 0 && checkpoint_.format != "gguf";
    if (stored_turned && !update.update.magnitudes.empty())
      throw error("magnitudes are known for matrices [outputs, inputs] only", update.module, "no DoRA", "DoRA");
    const std::string name = stored_name(family_, checkpoint_, tensor.name);
    const StoredMatrix matrix = StoredMatrix::find(checkpoint_, name);
    auto own = std::make_shared<LowRankUpdate>(stored_turned ? turned(update.update) : update.update);
    if (own->rows != matrix.rows() || own->cols != matrix.cols())
      throw error("an adapter does not fit the model", update.module, shape_text({matrix.rows(), matrix.cols()}),
                  shape_text({own->rows, own->cols}));
    checkpoint_.tensors.find(name)->second.updates.push_back(std::move(own));
  }

  void replace(const std::string& published, const TensorView& tensor) {
    const std::string name = stored_name(family_, checkpoint_, find(published).name);
    TensorView& old = checkpoint_.tensors.find(name)->second;
    if (old.shape != tensor.shape)
      throw error("an adapter does not fit the model", published, shape_text(old.shape), shape_text(tensor.shape));
    old = tensor;
  }

 private:
  const TensorSpec& find(const std::string& published) const {
    const auto it =
        std::find_if(table_.begin(), table_.end(), [&](const TensorSpec& t) { return t.name == published; });
    if (it == table_.end() || checkpoint_.find(stored_name(family_, checkpoint_, published)) == nullptr)
      throw error("an adapter is for a module that the model does not have", published, "a tensor of the model", "");
    return *it;
  }
  Error error(std::string what, const std::string& where, std::string expected, std::string found) const {
    return Error({.what = std::move(what),
                  .file = adapter_.path.string(),
                  .where = where,
                  .expected = std::move(expected),
                  .found = std::move(found)});
  }

  Checkpoint& checkpoint_;
  const Family& family_;
  const ModelSpec& spec_;
  const Adapter& adapter_;
  std::vector<TensorSpec> table_;
};

}  // namespace

void apply_adapter(Checkpoint& checkpoint, const Family& family, const ModelSpec& spec, Adapter adapter) {
  Applier applier(checkpoint, family, spec, adapter);
  for (const Adapter::Update& update : adapter.updates) applier.update(update);
  for (const auto& [name, tensor] : adapter.replaced) applier.replace(name, tensor);
  for (auto& part : adapter.storage) checkpoint.storage.push_back(std::move(part));
}

}  // namespace foretell
