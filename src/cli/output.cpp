#include "cli/output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/exit.h"
#include "cli/interrupt.h"

namespace foretell::cli {
namespace {

// A pipe or terminal that its owner has set to not block: waits until it takes more.
void wait_until_writable() {
  pollfd stream{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  poll(&stream, 1, 100);
}

}  // namespace

void Output::write(std::string_view text) {
  constexpr size_t most = 1 << 16;
  buffer_ += text;
  if (buffer_.size() >= most) flush();
}

void Output::flush() {
  std::string text;
  text.swap(buffer_);  // what could not be written is not tried again
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (n >= 0) {
      rest.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EPIPE) {
      throw ClosedPipe{};
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (interrupted()) throw Interrupted{};
      wait_until_writable();
    } else if (errno != EINTR) {
      throw Error({.what = "cannot write the result", .file = "standard output", .found = std::strerror(errno)});
    } else if (interrupted()) {
      throw Interrupted{};
    }
  }
}

void reserve_standard_streams() {
  for (int fd = 0; fd <= 2; fd++) {
    // Opened the wrong way round, so that using one is still an error.
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
      if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) return;
    }
  }
}

}  // namespace foretell::cli
