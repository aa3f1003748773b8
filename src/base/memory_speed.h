// How fast this machine reads memory.
#pragma once

#include "base/thread_pool.h"

namespace foretell {

// Bytes per second that the pool's threads read together from a buffer of `bytes`, which should be larger than the
// caches: the fastest of some passes. As it stands it takes about a second.
double measure_read_bandwidth(ThreadPool& pool, int64_t bytes = int64_t{512} << 20, int passes = 8);

}  // namespace foretell
