// How fast this machine reads memory.
#pragma once

#include "base/thread_pool.h"

namespace foretell {

// Bytes per second that the pool's threads read together from a buffer that is larger than the caches: the fastest of
// some passes. Takes about a second and 512 MiB for as long.
double measure_read_bandwidth(ThreadPool& pool);

}  // namespace foretell
