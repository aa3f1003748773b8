// Texts by code points, as Python's str has them. Marks stay with their bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "template/value.h"

namespace foretell::jinja {

// White space goes where `characters` is null, else any of them.
Text strip(const Text& text, const Text* characters, bool left, bool right);
// At white space where `separator` is null; -1: as often as it comes.
std::vector<Text> split(const Text& text, const Text* separator, int64_t most, bool from_right);
std::vector<Text> split_lines(const Text& text, bool keep_ends);
Text replace(const Text& text, const Text& from, const Text& to, int64_t most, Budget& budget);
Text upper(const Text& text);
Text lower(const Text& text);
Text capitalize(const Text& text);
Text title(const Text& text);
Text swap_case(const Text& text);
Text pad(const Text& text, int64_t left, int64_t right, const std::string& fill, Budget& budget);

// str.isalpha and the like.
bool is_all(const Text& text, std::string_view what);

}  // namespace foretell::jinja
