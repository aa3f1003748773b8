// `inspect --check`: is every tensor there that the architecture asks for, in its shape, and are its numbers any good?
#pragma once

#include <string>
#include <vector>

#include "arch/family.h"
#include "cli/inspect_tensors.h"
#include "foretell/error.h"

namespace foretell::cli {

struct Findings {
  std::vector<Error> errors;
  std::vector<std::string> notes;  // what is odd and does no harm
};

// `tensors` with their statistics.
Findings check_weights(const Family& family, const ModelSpec& spec, const Checkpoint& checkpoint,
                       const std::vector<ListedTensor>& tensors);

// Throws the first error after the others were logged.
void report(const Findings& findings);

}  // namespace foretell::cli
