// What Gemma 4 shares with the Gemmas before it.
#pragma once

#include <vector>

#include "arch/family.h"

namespace foretell {

const std::vector<RoleName>& gemma2_names();

}  // namespace foretell
