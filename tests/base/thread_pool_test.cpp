#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <thread>

using namespace foretell;

TEST_CASE("shares cover everything once") {
  for (const int64_t count : {0, 1, 7, 100})
    for (const int threads : {1, 2, 3, 8}) {
      int64_t next = 0;
      for (int t = 0; t < threads; t++) {
        const Range r = share(count, t, threads);
        CHECK(r.begin == next);
        next = r.end;
      }
      CHECK(next == count);
    }
}

TEST_CASE("a barrier lets no thread ahead") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    std::vector<int> steps(static_cast<size_t>(threads), 0);
    std::atomic<bool> wrong{false};
    for (int run = 0; run < 20; run++) {
      pool.run([&](int t) {
        for (int step = 0; step < 50; step++) {
          steps[static_cast<size_t>(t)]++;
          pool.barrier();
          for (const int s : steps)
            if (s != steps[static_cast<size_t>(t)]) wrong = true;
          pool.barrier();
        }
      });
    }
    CHECK_FALSE(wrong);
    CHECK(std::accumulate(steps.begin(), steps.end(), 0) == threads * 1000);
  }
}

TEST_CASE("threads that the system put on one core part before they work") {
  cpu_set_t allowed;
  REQUIRE(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  if (CPU_COUNT(&allowed) < 2 || available_cores() < 2) return;
  ThreadPool pool(2);
  int apart = 0;
  for (int i = 0; i < 20; i++) {
    std::atomic<int> cpu{-1};
    pool.run([&](int t) {
      if (t == 0) cpu = sched_getcpu();
      pool.barrier();
      if (t == 0) return;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      sched_setaffinity(0, sizeof one, &one);
      sched_setaffinity(0, sizeof allowed, &allowed);
    });
    int cpus[2] = {-1, -1};
    pool.run([&](int t) { cpus[t] = sched_getcpu(); });
    apart += cpus[0] != cpus[1] ? 1 : 0;
  }
  CHECK(apart >= 15);  // the calling thread, which stays where it is, may be moved, too
}

TEST_CASE("what a thread throws comes out of run, and the pool goes on") {
  ThreadPool pool(3);
  for (int thrower = 0; thrower < 3; thrower++) {
    CHECK_THROWS_AS(pool.run([&](int t) {
      if (t == thrower) throw std::runtime_error("no");
    }),
                    std::runtime_error);
  }
  std::atomic<int> ran{0};
  pool.run([&](int) { ran++; });
  CHECK(ran == 3);
}

TEST_CASE("what is shared out is done once, whoever is slow") {
  for (const int threads : {1, 2, 3, 5}) {
    ThreadPool pool(threads);
    for (const int64_t count : {0, 1, 2, 7, 64}) {
      std::vector<std::atomic<int>> first(static_cast<size_t>(count)), second(static_cast<size_t>(count));
      pool.run([&](int thread) {
        if (thread == 1) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        pool.share_out(count, thread, [&](int64_t i) { first[static_cast<size_t>(i)]++; });
        pool.share_out(count, thread, [&](int64_t i) {  // no barrier between: some are still at the first
          if (thread == 0) std::this_thread::yield();
          second[static_cast<size_t>(i)]++;
        });
      });
      CHECK(std::all_of(first.begin(), first.end(), [](const auto& n) { return n == 1; }));
      CHECK(std::all_of(second.begin(), second.end(), [](const auto& n) { return n == 1; }));
    }
  }
}
