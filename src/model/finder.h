// Finds the tensors of a model by their roles, and checks their shapes.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "arch/family.h"
#include "checkpoint/checkpoint.h"
#include "model/packed_matrix.h"
#include "model/weights.h"

namespace foretell {

// Some outputs of a stored matrix, in runs: output r is the stored row first + r / run * step + r % run.
struct Rows {
  int64_t first = 0, count = -1;  // -1: all
  int64_t run = 0, step = 0;      // run 0: one run of all
};

// A tensor of a layer (-1: of none), of one expert (-1: of none, or of all in one).
struct Place {
  int64_t layer = -1;
  int64_t expert = -1;
};

class Finder {
 public:
  Finder(const Family& family, const ModelSpec& spec, const Checkpoint& checkpoint);

  bool has(Place place, Role role, Part part = Part::Weight) const { return find(place, role, part) != nullptr; }
  // A matrix, or the part of a stack that belongs to place.expert. Throws Error where it is missing or its shape is not
  // what the spec asks for.
  MatrixSource matrix(Place place, Role role, const Rows& rows = {}) const;
  // Elements of a vector (of a stack of vectors, those of place.expert), padded; empty where the model has none.
  Vector vector(Place place, Role role, Part part, const Rows& rows = {}) const;
  // A matrix, or a stack of norms, as rows of floats, each padded like a vector.
  Vector table(Place place, Role role, int64_t rows, int64_t cols) const;
  // A number that may be missing from the folder.
  float number(Place place, Role role, float fallback) const;

 private:
  const TensorSpec* find(Place place, Role role, Part part) const;
  const TensorSpec& at(Place place, Role role, Part part) const;
  void check(const TensorView& tensor, const std::string& name, const std::vector<int64_t>& expected,
             const std::vector<int64_t>& found) const;

  const Family& family_;
  const ModelSpec& spec_;
  const Checkpoint& checkpoint_;
  std::map<std::tuple<int64_t, int64_t, Role, Part>, TensorSpec> tensors_;
};

}  // namespace foretell
