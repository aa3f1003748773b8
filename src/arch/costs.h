// What a model costs to run: the weights that a token goes through, the operations, and the memory at some precisions.
#pragma once

#include <cstdint>
#include <functional>

#include "arch/family.h"
#include "arch/spec.h"

namespace foretell {

// The part of a tensor that one token multiplies: 1 for most, chosen / count for experts, 0 for tables that are looked
// up (the embedding, where it is not the unembedding as well, and positions).
double active_part(const ModelSpec& spec, const TensorSpec& tensor);

struct Costs {
  double active_parameters = 0;  // that a token is multiplied with
  // Multiplications and additions: two for each of these, and of attention two for each number of a key and a value
  // that it reads.
  double operations = 0;          // for a token with nothing before it
  double context_operations = 0;  // more, with `context` tokens before it
};
Costs token_costs(const Family& family, const ModelSpec& spec, int64_t context);

// The bytes of all weights, and of those that one token reads, where each number of a matrix takes `bits` and each of a
// vector 32 at least.
struct WeightBytes {
  double all = 0, active = 0;
};
WeightBytes weight_bytes(const Family& family, const ModelSpec& spec, double bits);

}  // namespace foretell
