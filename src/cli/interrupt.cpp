#include "cli/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

#include "cli/exit.h"

namespace foretell::cli {
namespace {

std::atomic<int> guards{0};
std::atomic<bool> seen{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

extern "C" void on_interrupt(int) {
  if (guards.load() > 0 && !seen.exchange(true)) return;
  if (isatty(STDERR_FILENO) == 1) {
    // Off the line with ^C, and without the colour that was on.
    const char end[] = "\033[0m\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, end, sizeof end - 1);
  }
  _exit(exit_interrupted);
}

}  // namespace

void handle_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: a read that waits for a person returns
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return seen.load(); }
void forget_interrupt() { seen.store(false); }

void stop_if_interrupted() {
  if (interrupted()) throw Interrupted{};
}

InterruptGuard::InterruptGuard() { guards++; }
InterruptGuard::~InterruptGuard() { guards--; }

}  // namespace foretell::cli
