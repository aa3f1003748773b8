#include "cli/linear_regression.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "arch/config_reader.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/stored_matrix.h"

namespace foretell::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kind = "linear_regression";

float number(const Checkpoint& checkpoint, const char* name) {
  const TensorView& tensor = checkpoint.at(name);
  if (tensor.elements() != 1)
    throw Error({.what = "a line has one " + std::string(name),
                 .file = tensor.file.string(),
                 .where = name,
                 .expected = "1 number",
                 .found = std::to_string(tensor.elements())});
  float value = 0;
  read_floats(tensor, 0, 1, &value);
  return value;
}

}  // namespace

std::optional<LinearRegression> open_linear_regression(const fs::path& path) {
  const fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  std::error_code error;
  if (!fs::exists(folder / "model.json", error) || !fs::exists(folder / "config.json", error)) return {};
  const Json config = read_json_file(folder / "config.json");
  if (!config.is_object() || config.value("model_type", Json()) != kind) return {};
  const ConfigReader reader(config, folder / "config.json");
  const Checkpoint checkpoint = open_checkpoint(folder);
  return LinearRegression{.path = path,
                          .slope = number(checkpoint, "slope"),
                          .intercept = number(checkpoint, "intercept"),
                          .input = reader.text_or("input", "x"),
                          .output = reader.text_or("output", "y"),
                          .example = reader.number_or("example", 1)};
}

void print_linear_regression(Context& context, const LinearRegression& line) {
  const double predicted = line.slope * line.example + line.intercept;
  if (context.options.json) {
    nlohmann::ordered_json ledger = nlohmann::ordered_json::array();
    for (const char* name : {"Slope", "Intercept"})
      ledger.push_back({{"name", name}, {"rows", 1}, {"cols", 1}, {"count", 1}, {"total", 1}});
    return context.print_json({{"architecture", kind},
                               {"parameters", 2},
                               {"ledger", ledger},
                               {"ledger_total", 2},
                               {"matrices", 2},
                               {"tied_embeddings", false},
                               {"memory", {{"weights_bytes", 2 * sizeof(float)}, {"kv_bytes_per_token", 0}}},
                               {"slope", line.slope},
                               {"intercept", line.intercept},
                               {"example", {{"x", line.example}, {"y", predicted}}},
                               {"path", line.path.string()}});
  }
  const bool color = context.out_terminal.color;
  std::string text = styled(color, "1", "linear regression: y = slope × x + intercept") + "\n";
  text += styled(color, "2", visible(line.path.string())) + "\n\n";
  text += styled(color, "2", fmt::format("{:<12}{:>14}{:>14}", "", "value", "parameters")) + "\n";
  text += fmt::format("{:<12}{:>14g}{:>14}\n", "Slope", line.slope, 1);
  text += fmt::format("{:<12}{:>14g}{:>14}\n", "Intercept", line.intercept, 1);
  text += styled(color, "1", fmt::format("{:<12}{:>14}{:>14}", "Total", "", 2)) + "\n\n";
  text += fmt::format("{} = {:g} × {} + {:g}\n", visible(line.output), line.slope, visible(line.input), line.intercept);
  text += fmt::format("x = {:g} gives y = {:g}\n", line.example, predicted);
  context.out.write(text);
}

}  // namespace foretell::cli
