// The flags that give a text its form, the same for every command that writes.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "foretell/constrain.h"

namespace foretell::cli {

struct ConstraintFlags {
  std::optional<std::string> regex, grammar, grammar_file, json_schema, json_schema_file;
  bool json_object = false;

  // The form that was asked for; none where no flag was given. Throws UsageError for what is wrong in a flag's value,
  // and Error for what is wrong in a file.
  std::optional<Grammar> read() const;
};

// Gives the options, which exclude one another.
std::vector<CLI::Option*> add_constraint_options(CLI::App& command, ConstraintFlags& flags);

}  // namespace foretell::cli
