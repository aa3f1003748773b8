// How much memory this process may use.
#pragma once

#include <cstdint>

namespace foretell {

// Bytes: the machine's, or the container's limit where that is less. 0 where it cannot be told.
int64_t machine_memory();

}  // namespace foretell
