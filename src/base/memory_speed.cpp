#include "base/memory_speed.h"

#include <algorithm>
#include <cstring>

#include "base/aligned_buffer.h"
#include "base/clock.h"

namespace foretell {
namespace {

// A sum over everything in vectors and in several chains, so that the memory and not the additions decide.
uint64_t read_all(const uint64_t* data, int64_t begin, int64_t end) {
  typedef uint64_t Words __attribute__((vector_size(16)));
  constexpr int chains = 8, width = 2;
  Words sums[chains] = {};
  for (int64_t i = begin; i + chains * width <= end; i += chains * width)
    for (int c = 0; c < chains; c++) {
      Words words;
      std::memcpy(&words, data + i + c * width, sizeof words);
      sums[c] += words;
    }
  uint64_t sum = 0;
  for (const Words& s : sums) sum += s[0] + s[1];
  return sum;
}

}  // namespace

double measure_read_bandwidth(ThreadPool& pool, int64_t bytes, int passes) {
  const AlignedBuffer<uint64_t> buffer(bytes / static_cast<int64_t>(sizeof(uint64_t)));
  pool.run([&](int thread) {
    const Range mine = share(buffer.size(), thread, pool.size());
    std::memset(buffer.data() + mine.begin, 1, static_cast<size_t>(mine.size()) * sizeof(uint64_t));
  });
  double best = 0;
  std::atomic<uint64_t> sum{0};
  for (int pass = 0; pass < passes; pass++) {
    const auto begin = Clock::now();
    pool.run([&](int thread) {
      const Range mine = share(buffer.size(), thread, pool.size());
      sum.fetch_add(read_all(buffer.data(), mine.begin, mine.end), std::memory_order_relaxed);
    });
    best = std::max(best, static_cast<double>(buffer.size()) * sizeof(uint64_t) / seconds_since(begin));
  }
  return sum.load() == 0 ? 0 : best;  // the sum is used, so that the reading is done
}

}  // namespace foretell
