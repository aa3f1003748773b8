// Standard output: the result, whole or an error.
#pragma once

#include <string>
#include <string_view>

namespace foretell::cli {

// Buffered. Throws Error where a write fails (a full disk), and ClosedPipe where the reader has gone.
class Output {
 public:
  void write(std::string_view text);
  void flush();

 private:
  std::string buffer_;
};

// Makes sure that the descriptors 0, 1 and 2 are taken, so that no file that is opened later stands in for one that the
// caller had closed.
void reserve_standard_streams();

}  // namespace foretell::cli
