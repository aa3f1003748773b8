#include "cli/inspect_check.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>

#include "arch/open_model.h"
#include "model/finder.h"

namespace foretell::cli {
namespace {

class Checker {
 public:
  Checker(const Family& family, const ModelSpec& spec, const Checkpoint& checkpoint,
          const std::vector<ListedTensor>& tensors)
      : family_(family), spec_(spec), checkpoint_(checkpoint), tensors_(tensors) {}

  Findings run() {
    check_table();
    check_numbers();
    check_twice();
    note_unused();
    return std::move(findings_);
  }

 private:
  // That each tensor of the architecture is found and has its shape.
  void check_table() {
    const Finder finder(family_, spec_, checkpoint_);
    for (const TensorSpec& tensor : tensor_table(family_, spec_)) {
      const std::string name = stored_name(family_, checkpoint_, tensor.name);
      used_[name] = tensor.role;
      if (is_buffer(tensor.role) && checkpoint_.find(name) == nullptr) continue;
      try {
        const bool stack = tensor.expert < 0 && is_expert_matrix(tensor);
        const Place place{tensor.layer, stack ? 0 : tensor.expert};
        if (is_matrix(tensor) || stack) {
          finder.matrix(place, tensor.role);
        } else {
          finder.vector(place, tensor.role, tensor.part);
        }
      } catch (const Error& error) {
        findings_.errors.push_back(error);
      }
    }
  }

  static bool is_matrix(const TensorSpec& t) {
    return t.shape.size() == 2 && t.part == Part::Weight && !is_norm(t.role);
  }
  static bool is_expert_matrix(const TensorSpec& t) {
    return t.shape.size() == 3 && t.part == Part::Weight &&
           (t.role == Role::ExpertGate || t.role == Role::ExpertUp || t.role == Role::ExpertGateUp ||
            t.role == Role::ExpertDown);
  }

  void check_numbers() {
    for (const ListedTensor& tensor : tensors_) {
      if (!tensor.statistics || tensor.statistics->not_finite == 0) continue;
      const TensorStatistics& s = *tensor.statistics;
      const int64_t row = s.first_bad / tensor.matrix->cols(), col = s.first_bad % tensor.matrix->cols();
      findings_.errors.push_back(
          Error({.what = "a weight is not a finite number",
                 .file = checkpoint_.at(tensor.name).file.string(),
                 .where = fmt::format("{}[{}, {}]", tensor.name, row, col),
                 .found = fmt::format("{}, {} of {} numbers", s.first_bad_value, s.not_finite, s.count)}));
    }
  }

  // The same matrix under two names, where it is not one number throughout, is a slip of whoever wrote the file. (An
  // embedding that is stored a second time as the unembedding that it is counts as unused.)
  void check_twice() {
    std::map<std::tuple<int64_t, float, float, double, double>, std::vector<const ListedTensor*>> alike;
    for (const ListedTensor& tensor : tensors_) {
      const auto& s = tensor.statistics;
      if (tensor.shape.size() < 2 || !s || s->not_finite > 0 || !(s->smallest < s->largest) ||
          used_.count(tensor.name) == 0)
        continue;
      auto& others = alike[{s->count, s->smallest, s->largest, s->sum, s->squares}];
      for (const ListedTensor* other : others) {
        if (!same_numbers(*other, tensor)) continue;
        findings_.errors.push_back(Error({.what = "two matrices have the same numbers",
                                          .file = checkpoint_.at(tensor.name).file.string(),
                                          .where = other->name + " and " + tensor.name}));
        break;
      }
      others.push_back(&tensor);
    }
  }

  static bool same_numbers(const ListedTensor& a, const ListedTensor& b) {
    const StoredMatrix &x = *a.matrix, &y = *b.matrix;
    if (x.rows() != y.rows() || x.cols() != y.cols()) return false;
    std::vector<float> left(static_cast<size_t>(x.cols())), right(left.size());
    for (int64_t r = 0; r < x.rows(); r++) {
      x.read_row(r, left.data());
      y.read_row(r, right.data());
      if (left != right) return false;
    }
    return true;
  }

  void note_unused() {
    std::vector<std::string> unused;
    int64_t bytes = 0;
    for (const ListedTensor& tensor : tensors_) {
      if (used_.count(tensor.name) > 0 || tensor.part) continue;
      unused.push_back(tensor.name);
      bytes += tensor.bytes;
    }
    if (unused.empty()) return;
    findings_.notes.push_back(fmt::format("{} that the architecture does not use ({}): {}{}",
                                          unused.size() == 1 ? "1 tensor" : thousands(std::ssize(unused)) + " tensors",
                                          human_bytes(static_cast<double>(bytes)), visible(unused.front()),
                                          unused.size() > 1 ? ", …" : ""));
  }

  const Family& family_;
  const ModelSpec& spec_;
  const Checkpoint& checkpoint_;
  const std::vector<ListedTensor>& tensors_;
  std::map<std::string, Role> used_;  // by the stored names
  Findings findings_;
};

}  // namespace

Findings check_weights(const Family& family, const ModelSpec& spec, const Checkpoint& checkpoint,
                       const std::vector<ListedTensor>& tensors) {
  return Checker(family, spec, checkpoint, tensors).run();
}

void report(const Findings& findings) {
  if (findings.errors.empty()) return;
  constexpr size_t most = 20;
  for (size_t i = 1; i < std::min(findings.errors.size(), most); i++) spdlog::warn("{}", findings.errors[i].what());
  if (findings.errors.size() > most) spdlog::warn("and {} more", findings.errors.size() - most);
  throw findings.errors.front();
}

}  // namespace foretell::cli
