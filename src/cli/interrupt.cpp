#include "cli/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "cli/exit.h"

namespace foretell::cli {
namespace {

std::atomic<int> guards{0};
std::atomic<bool> seen{false};
int ends[2] = {-1, -1};  // of a pipe that has a byte while `seen`
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

extern "C" void on_interrupt(int) {
  if (guards.load() > 0 && !seen.exchange(true)) {
    const int before = errno;
    [[maybe_unused]] const auto written = write(ends[1], "", 1);
    errno = before;
    return;
  }
  if (isatty(STDERR_FILENO) == 1) {
    // Off the line with ^C, and without the colour that was on.
    const char end[] = "\033[0m\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, end, sizeof end - 1);
  }
  _exit(exit_interrupted);
}

}  // namespace

void handle_interrupts() {
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) ends[0] = ends[1] = -1;  // then waits are a little less sure
  struct sigaction action = {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: a read that waits for a person returns
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return seen.load(); }
int interrupt_file() { return ends[0]; }
void forget_interrupt() {
  char bytes[16];
  while (read(ends[0], bytes, sizeof bytes) > 0) {
  }
  seen.store(false);
}

void stop_if_interrupted() {
  if (interrupted()) throw Interrupted{};
}

InterruptGuard::InterruptGuard() { guards++; }
InterruptGuard::~InterruptGuard() { guards--; }

}  // namespace foretell::cli
