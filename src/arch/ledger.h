// Where a model's parameters are: the lesson's table, or every stored number.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "arch/family.h"
#include "arch/spec.h"

namespace foretell {

// Matrices of one kind. Where not all have the same shape, rows and cols are 0.
struct LedgerRow {
  std::string name;        // "Query"
  int64_t rows = 0;        // outputs: a matrix stands left of the vector that it multiplies
  int64_t cols = 0;        // inputs; 1 for vectors
  int64_t count = 0;       // how many such matrices
  int64_t total = 0;       // numbers in all of them
  bool parameters = true;  // false for buffers, which no total counts
  bool matrices = true;    // false for vectors (biases, norms), which `Ledger::matrices` leaves out
};

struct Ledger {
  std::vector<LedgerRow> rows;
  int64_t total = 0;     // of the rows that are parameters
  int64_t matrices = 0;  // how many matrices they are
};

enum class LedgerKind : uint8_t {
  // As 3Blue1Brown's "But what is a GPT?" counts GPT-3: matrices only, one query, key and value matrix for each head,
  // one output matrix for each layer, and the unembedding by itself even where it is the embedding. No biases, norms or
  // positions.
  Chapter,
  // Every stored number once, one matrix for all heads.
  Exact,
};

// Throws Error where a total does not fit 64 bits.
Ledger make_ledger(const Family& family, const ModelSpec& spec, LedgerKind kind);

// The trained numbers of the model, each once: the exact ledger's total.
int64_t parameter_count(const Family& family, const ModelSpec& spec);

}  // namespace foretell
