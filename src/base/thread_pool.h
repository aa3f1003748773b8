// Threads that run one job together, as the forward pass does: all of them call the same function with their number,
// and meet at barriers. A wait spins for some microseconds and then sleeps, so idle threads cost nothing.
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

  // Calls job(0) here and job(1)... on the others; returns when all have returned. One caller at a time. The first
  // exception of any thread is thrown again here; a job that calls barrier() must not throw.
  void run(const std::function<void(int)>& job);

  // Inside run: returns when every thread has called it.
  void barrier();

 private:
  void work(int thread);
  void call(int thread);
  void wait_for_change(std::atomic<uint32_t>& value, uint32_t old) const;

  const int threads_;
  const int spins_;
  std::vector<std::thread> workers_;
  const std::function<void(int)>* job_ = nullptr;  // null ends the workers
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  alignas(64) std::atomic<uint32_t> job_number_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};
  alignas(64) std::atomic<int> arrived_{0};
};

// The physical cores that this process may use (its affinity mask; siblings of one core count once), and at most what
// the container's CPU quota allows. At least 1.
int available_cores();

}  // namespace foretell
