// What `inspect` found, as JSON and as a table.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "arch/costs.h"
#include "arch/ledger.h"
#include "arch/spec.h"
#include "cli/inspect_tensors.h"
#include "cli/terminal.h"

namespace foretell::cli {

// The tensors of one stored type.
struct ListedType {
  std::string name;
  int64_t tensors = 0, bytes = 0;
  bool rounded = false;  // no kernel computes with it: its matrices are rounded to 8 bits in groups of 32
};

struct Inspection {
  std::filesystem::path path;
  std::string format;  // empty: config.json alone
  ModelSpec spec;
  Ledger chapter, exact;
  std::optional<LedgerKind> shown;    // the one that was asked for
  std::vector<ListedTensor> tensors;  // as stored, or as config.json declares them
  std::vector<ListedType> types;      // those that are stored, the most bytes first
  int64_t weights_bytes = 0;          // of all of them
  int64_t kv_bytes_per_token = 0;
  int64_t context = 0;  // tokens that the memory is counted for
  Costs costs;

  struct Weights {
    std::string name;              // "16 bits"
    double bytes = 0, active = 0;  // of all, and of those that a token is multiplied with
  };
  std::vector<Weights> weights;  // as stored, and at each precision
  struct Machine {
    int64_t memory_bytes = 0;   // 0: not known
    double read_bandwidth = 0;  // bytes a second, of all threads
    int threads = 0;
  } machine;

  std::string tokenizer;           // empty: none
  bool checked = false;            // all weights were read
  std::vector<std::string> notes;  // what the check found to be odd
};

nlohmann::ordered_json inspection_json(const Inspection& seen, bool tensors);
std::string inspection_text(const Inspection& seen, bool tensors, const Terminal& terminal);

}  // namespace foretell::cli
