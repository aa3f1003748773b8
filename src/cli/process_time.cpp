#include "cli/process_time.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace foretell::cli {
namespace {

double seconds_on(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double began = 0;  // since the machine was started

// Field 22 of /proc/self/stat: when the process began, since the machine was started, in whole ticks. Negative where it
// cannot be read.
double stated_start() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  if (!std::getline(file, text)) return -1;
  size_t at = text.rfind(')');  // behind the program's name, which may have blanks
  for (int field = 2; field < 22 && at != std::string::npos; field++) at = text.find(' ', at + 1);
  if (at == std::string::npos) return -1;
  return std::strtod(text.c_str() + at, nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

// What was computed before main() is what was waited for, unless the program came from a disk; the system's own note is
// rough, but knows of both.
void note_start() { began = seconds_on(CLOCK_BOOTTIME) - seconds_on(CLOCK_PROCESS_CPUTIME_ID); }

double seconds_since_start() {
  const double stated = stated_start(), tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  const double start = stated < 0 ? began : std::clamp(began, stated, stated + tick);
  return seconds_on(CLOCK_BOOTTIME) - start;
}

}  // namespace foretell::cli
