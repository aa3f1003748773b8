// For "did you mean": the names that a mistyped one is close to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace foretell {

// The candidates that differ least from `name` (letters added, left out, changed or swapped, upper and lower case
// alike; or of which `name` is a part), the closest first, at most `most`. Those that differ in half of their letters
// or more are not near.
std::vector<std::string> near_names(std::string_view name, const std::vector<std::string>& candidates, size_t most = 3);

// "did you mean a, b or c?", or "" where nothing is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace foretell
