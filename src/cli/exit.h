// How a command ends before its end.
#pragma once

#include "foretell/error.h"

namespace foretell::cli {

constexpr int exit_done = 0, exit_failed = 1, exit_usage = 2, exit_interrupted = 130;

// The command line (a flag, a variable or a setting of the config file) is wrong: exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
  UsageError with(const ErrorParts& more) const { return UsageError(Error::with(more).parts()); }
};

// Ctrl-C was pressed: exit code 130.
struct Interrupted {};

// Nobody reads standard output any more (`| head`): the end, without a word.
struct ClosedPipe {};

}  // namespace foretell::cli
