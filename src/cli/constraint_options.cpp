#include "cli/constraint_options.h"

#include "cli/options.h"
#include "cli/prompt.h"

namespace foretell::cli {

std::optional<Grammar> ConstraintFlags::read() const {
  const auto from_flag = [](const char* flag, auto&& make) {
    try {
      return make();
    } catch (const Error& error) {
      ErrorParts parts = error.parts();
      parts.what = std::string(flag) + ": " + parts.what;
      throw UsageError(parts);
    }
  };
  if (regex) return from_flag("--regex", [this] { return Grammar::regex(*regex); });
  if (grammar) return from_flag("--grammar", [this] { return Grammar::gbnf(*grammar); });
  if (grammar_file) return Grammar::gbnf(read_input(*grammar_file), *grammar_file);
  if (json_schema) return from_flag("--json-schema", [this] { return Grammar::json_schema(*json_schema); });
  if (json_schema_file) return Grammar::json_schema(read_input(*json_schema_file), *json_schema_file);
  if (json_object) return Grammar::json_object();
  return {};
}

std::vector<CLI::Option*> add_constraint_options(CLI::App& command, ConstraintFlags& flags) {
  const std::vector<CLI::Option*> options = {
      add_text(command, "--regex", flags.regex, "RE", "The whole text matches this regular expression"),
      add_text(command, "--grammar", flags.grammar, "TEXT", "The text is the `root` of this grammar (GBNF)"),
      add_text(command, "--grammar-file", flags.grammar_file, "FILE", "The same from a file"),
      add_text(command, "--json-schema", flags.json_schema, "JSON", "A JSON value that is valid by this schema"),
      add_text(command, "--json-schema-file", flags.json_schema_file, "FILE", "The same from a file"),
      add_switch(command, "--json-object", flags.json_object, "Any JSON object"),
  };
  for (CLI::Option* option : options) {
    option->group("Form of the text (docs/constrained.md)");
    for (CLI::Option* other : options) {
      if (other != option) option->excludes(other);
    }
  }
  return options;
}

}  // namespace foretell::cli
