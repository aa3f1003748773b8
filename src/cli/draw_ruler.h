// A picture of how a token is drawn.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "foretell/sampling.h"

namespace foretell::cli {

// Two lines: the interval from 0 to 1 as the candidates share it out, the large ones with their names, and below it
// where the random number fell. No wider than `width` columns, of which 10 at least are used; `colour`: the chosen part
// is coloured.
std::string draw_ruler(std::span<const DrawShare> shares, const Draw& draw, int width, bool colour,
                       const std::function<std::string(TokenId)>& name);

}  // namespace foretell::cli
