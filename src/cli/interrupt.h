// Ctrl-C. Without more, the program ends at once with exit code 130. A command that has something to finish (the text
// so far, a temporary file) holds an InterruptGuard and asks interrupted(); a second Ctrl-C ends it at once.
#pragma once

namespace foretell::cli {

void handle_interrupts();  // once, at the start

bool interrupted();
void forget_interrupt();  // what was asked to stop has stopped, and the program goes on
// Readable while interrupted(), for those who wait for files: the signal may come just before the wait, or on another
// thread. Only to be polled.
int interrupt_file();
// Throws Interrupted where Ctrl-C was pressed.
void stop_if_interrupted();

class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

}  // namespace foretell::cli
