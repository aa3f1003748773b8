// Threads that run one job together, as the forward pass does: all of them call the same function with their number,
// and meet at barriers. A wait spins for some microseconds and then sleeps, so idle threads cost nothing. Threads that
// the system puts on one core, while there are enough, move apart.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace foretell {

struct Range {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

// The part of `count` units that falls to one of `threads`.
inline Range share(int64_t count, int thread, int threads) {
  return {count * thread / threads, count * (thread + 1) / threads};
}

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // the calling thread is one of them
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return threads_; }

  // Calls job(0) here and job(1)... on the others; returns when all have returned. One caller at a time, and no job
  // of another pool. The first exception of any thread is thrown again here; a job that calls barrier() must not throw.
  void run(const std::function<void(int)>& job);

  // Inside run: returns when every thread has called it.
  void barrier();

  // Inside run, called by all threads with the same count, in the same order of calls: calls work(i) once for each i of
  // [0, count), on any thread. Each begins with its own share, and then takes from those that are behind with theirs.
  // Returns when nothing is left to take; others may still be at work until the next barrier.
  template <class Work>
  void share_out(int64_t count, int thread, Work&& work);

 private:
  void work(int thread);
  void call(int thread);
  void settle();
  void wait_for_change(std::atomic<uint32_t>& value, uint32_t old, int yields) const;

  // A thread's share of what is shared out: how much of it is taken, below the number of the call that it belongs to.
  struct alignas(64) Share {
    std::atomic<uint64_t> taken{0};
    uint32_t call = 0;  // of this thread
  };
  struct alignas(64) Place {
    std::atomic<int> cpu{-1};  // on which the thread was seen last
  };
  static int64_t take(Share& share, uint32_t call, int64_t size);

  const int threads_;
  const int spins_;
  std::vector<std::thread> workers_;
  std::vector<Share> shares_;
  std::vector<Place> places_;
  const std::function<void(int)>* job_ = nullptr;  // null ends the workers
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  alignas(64) std::atomic<uint32_t> job_number_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};
  alignas(64) std::atomic<int> arrived_{0};
};

template <class Work>
void ThreadPool::share_out(int64_t count, int thread, Work&& work) {
  const uint32_t call = ++shares_[static_cast<size_t>(thread)].call;
  for (int i = 0; i < threads_; i++) {
    const int of = thread + i < threads_ ? thread + i : thread + i - threads_;
    const Range range = share(count, of, threads_);
    for (int64_t at; (at = take(shares_[static_cast<size_t>(of)], call, range.size())) >= 0;) work(range.begin + at);
  }
}

// The next of a share's parts, or -1 where all are taken.
inline int64_t ThreadPool::take(Share& share, uint32_t call, int64_t size) {
  uint64_t seen = share.taken.load(std::memory_order_relaxed);
  for (;;) {
    const auto found = static_cast<uint32_t>(seen >> 32), taken = static_cast<uint32_t>(seen);
    if (static_cast<int32_t>(found - call) > 0) return -1;  // its thread is further, so this one is done
    const int64_t next = found == call ? taken : 0;
    if (next >= size) return -1;
    if (share.taken.compare_exchange_weak(seen, uint64_t{call} << 32 | static_cast<uint64_t>(next + 1),
                                          std::memory_order_relaxed))
      return next;
  }
}

// Calls work(first, n) for the parts of `count`, 32 at a time, on all threads as they are free. The first exception is
// thrown again here.
void for_blocks(ThreadPool& pool, int64_t count, const std::function<void(int64_t first, int64_t n)>& work);

// What this process may use by its affinity mask, and at most what the container's CPU quota allows. At least 1.
int available_cores();  // physical ones: siblings of one core count once
int available_cpus();   // with the siblings

}  // namespace foretell
