#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <set>
#include <string>

namespace foretell {
namespace {

// Spinning pays while every thread has a core of its own. With more threads than cores it only takes time from the
// others: there a thread gives up its core at once, some times before it sleeps, since waking costs more than a turn.
constexpr int spins_before_yield = 20000, yields_before_sleep = 200;
// Within a job, where the others are at work, about 10 ms: who sleeps is woken on any core, perhaps on a taken one.
constexpr int yields_in_job = 20000;

// More threads than cores take turns on a core of their own: where they wander, one core waits for the other's two.
void stay_on_a_core(int thread) {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  int nth = thread % CPU_COUNT(&allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed) || nth-- > 0) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

// "QUOTA PERIOD" in microseconds, or "max PERIOD": how many CPUs' time the container has.
int within_quota(int cpus) {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  if (file >> quota >> period && period > 0) cpus = std::min(cpus, static_cast<int>(std::ceil(quota / period)));
  return std::max(cpus, 1);
}

int count_cpus(bool siblings_count_once) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return within_quota(static_cast<int>(std::thread::hardware_concurrency()));
  if (!siblings_count_once) return within_quota(CPU_COUNT(&allowed));
  std::set<std::string> cores;  // one entry for the siblings of a core
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    std::string siblings;
    cores.insert(std::getline(file, siblings) ? siblings : std::to_string(cpu));
  }
  return within_quota(static_cast<int>(cores.size()));
}

thread_local int own_number = 0;  // in the pool that this thread belongs to; 0 for all that call run()

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads)
    : threads_(std::max(threads, 1)),
      spins_(threads <= available_cores() ? spins_before_yield : 0),
      shares_(static_cast<size_t>(threads_)),
      places_(static_cast<size_t>(threads_)) {
  for (int t = 1; t < threads_; t++) workers_.emplace_back([this, t] { work(t); });
}

void for_blocks(ThreadPool& pool, int64_t count, const std::function<void(int64_t first, int64_t n)>& work) {
  constexpr int64_t block = 32;
  if (count <= block) {
    if (count > 0) work(0, count);
    return;
  }
  std::atomic<int64_t> next{0};
  pool.run([&](int) {
    for (int64_t first = next.fetch_add(block); first < count; first = next.fetch_add(block))
      work(first, std::min(block, count - first));
  });
}

ThreadPool::~ThreadPool() {
  job_ = nullptr;
  job_number_.fetch_add(1, std::memory_order_release);
  job_number_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run(const std::function<void(int)>& job) {
  if (threads_ == 1) return job(0);
  failure_ = nullptr;
  job_ = &job;
  settle();
  job_number_.fetch_add(1, std::memory_order_release);
  job_number_.notify_all();
  call(0);
  barrier();
  if (failure_) std::rethrow_exception(failure_);
}

void ThreadPool::barrier() {
  if (threads_ == 1) return;
  settle();
  const uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    phase_.notify_all();
  } else {
    wait_for_change(phase_, phase, spins_ > 0 ? yields_in_job : yields_before_sleep);
  }
}

void ThreadPool::work(int thread) {
  own_number = thread;
  if (spins_ == 0) stay_on_a_core(thread);
  for (uint32_t seen = 0;; seen++) {
    wait_for_change(job_number_, seen, yields_before_sleep);
    if (job_ == nullptr) return;
    settle();
    call(thread);
    barrier();
  }
}

// Where other programs are at work, too, the system may put two of our threads on one core, and leave them there for a
// tenth of a second, in which each spins away the time that the other needs. A thread that finds itself on a core where
// another was seen goes elsewhere.
void ThreadPool::settle() {
  std::atomic<int>& place = places_[static_cast<size_t>(own_number)].cpu;
  const int cpu = sched_getcpu();
  if (place.load(std::memory_order_relaxed) == cpu) return;
  place.store(cpu, std::memory_order_relaxed);
  cpu_set_t allowed;
  if (spins_ == 0 || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;  // without spins they take turns
  cpu_set_t free = allowed;
  bool alone = true;
  for (int t = 0; t < threads_; t++) {
    const int theirs = places_[static_cast<size_t>(t)].cpu.load(std::memory_order_relaxed);
    if (t == own_number || theirs < 0 || theirs >= CPU_SETSIZE) continue;
    alone = alone && theirs != cpu;
    CPU_CLR(theirs, &free);
  }
  if (alone || sched_setaffinity(0, sizeof free, &free) != 0) return;  // fails where no core is left
  std::this_thread::sleep_for(std::chrono::nanoseconds(1));  // it wakes on one that is idle, where there is one
  place.store(sched_getcpu(), std::memory_order_relaxed);
  sched_setaffinity(0, sizeof allowed, &allowed);
}

void ThreadPool::call(int thread) {
  try {
    (*job_)(thread);
  } catch (...) {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void ThreadPool::wait_for_change(std::atomic<uint32_t>& value, uint32_t old, int yields) const {
  for (int i = 0; i < spins_; i++) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  for (int i = 0; i < yields; i++) {
    if (value.load(std::memory_order_acquire) != old) return;
    std::this_thread::yield();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

int available_cores() { return count_cpus(true); }
int available_cpus() { return count_cpus(false); }

}  // namespace foretell
