// The smallest model of the lesson: a straight line through points, y = slope * x + intercept.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/context.h"

namespace foretell::cli {

struct LinearRegression {
  std::filesystem::path path;
  double slope = 0, intercept = 0;
  std::string input, output;  // what x and y are
  double example = 0;         // an x
};

// Nothing where the model is another. Throws Error where it is one and lacks a number.
std::optional<LinearRegression> open_linear_regression(const std::filesystem::path& path);

void print_linear_regression(Context& context, const LinearRegression& line);

}  // namespace foretell::cli
