// Which instruction set to use on this machine.
#pragma once

#include <string_view>
#include <vector>

#include "kernels/table.h"

namespace foretell::kernels {

// The tables that this machine can run, best first; the last is the portable one.
std::vector<const Table*> usable_tables();

// By name, or the best where it is empty. Throws Error where the name is unknown or the machine lacks what it needs.
const Table& select_table(std::string_view name);

}  // namespace foretell::kernels
