#include "cli/screen.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "cli/exit.h"
#include "cli/terminal.h"

namespace foretell::cli {
namespace {

// ECMA-48 and xterm's private modes: the alternate screen, the cursor, lines that do not wrap.
constexpr std::string_view enter = "\033[?1049h\033[?25l\033[?7l", leave = "\033[0m\033[?7h\033[?25h\033[?1049l";

std::atomic<bool> resized{false}, ended{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_resize(int) { resized.store(true); }
extern "C" void on_end(int) { ended.store(true); }

constexpr int end_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
struct sigaction old_actions[std::size(end_signals)], old_resize;

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // the terminal has gone; SIGHUP tells
    text.remove_prefix(static_cast<size_t>(n));
  }
}

void catch_signals() {
  resized.store(false);
  ended.store(false);
  struct sigaction action = {};
  action.sa_handler = on_end;  // without SA_RESTART: waiting for a key ends
  for (size_t i = 0; i < std::size(end_signals); i++) sigaction(end_signals[i], &action, &old_actions[i]);
  action.sa_handler = on_resize;
  sigaction(SIGWINCH, &action, &old_resize);
}

void give_signals_back() {
  for (size_t i = 0; i < std::size(end_signals); i++) sigaction(end_signals[i], &old_actions[i], nullptr);
  sigaction(SIGWINCH, &old_resize, nullptr);
}

}  // namespace

Screen::Screen() {
  if (!look_at_stream(STDIN_FILENO, ColorChoice::Auto).interactive ||
      !look_at_stream(STDOUT_FILENO, ColorChoice::Auto).interactive || tcgetattr(STDIN_FILENO, &before_) != 0)
    throw Error({.what = "this needs a terminal", .expected = "standard input and output on one", .found = "none"});
  catch_signals();
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);
  raw.c_iflag &= ~static_cast<tcflag_t>(ICRNL | IXON);
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // the shell would show on this screen
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_all(enter);
}

Screen::~Screen() {
  write_all(leave);
  tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  give_signals_back();
}

Screen::Size Screen::size() const {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

void Screen::draw(const std::vector<std::string>& lines) {
  std::string frame = "\033[H";
  for (size_t i = 0; i < lines.size(); i++) {
    if (i > 0) frame += "\r\n";
    frame += lines[i] + "\033[K";
  }
  frame += "\033[J";
  if (frame == last_ && !resized.load()) return;
  write_all(frame);
  last_ = std::move(frame);
}

int Screen::read_byte(int milliseconds) {
  pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const int ready = poll(&input, 1, milliseconds);
  if (ended.load()) throw Interrupted{};
  if (ready <= 0) return -1;
  unsigned char byte = 0;
  const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
  if (n == 0 || (n < 0 && errno != EINTR)) throw Interrupted{};  // nobody is there any more
  return n == 1 ? byte : -1;
}

// The keys of xterm and the VT220, with CSI or SS3 before them.
Key Screen::read_sequence() {
  constexpr int together = 50;  // a person cannot type what follows within so many milliseconds
  const int second = read_byte(together);
  if (second < 0) return {Key::Kind::Escape};
  if (second != '[' && second != 'O') return {};
  std::string digits;
  int last = read_byte(together);
  for (; last >= 0 && last < '@'; last = read_byte(together)) digits += static_cast<char>(last);
  switch (last) {
    case 'A':
      return {Key::Kind::Up};
    case 'B':
      return {Key::Kind::Down};
    case 'C':
      return {Key::Kind::Right};
    case 'D':
      return {Key::Kind::Left};
    case 'H':
      return {Key::Kind::Home};
    case 'F':
      return {Key::Kind::End};
    case '~':
      if (digits == "5") return {Key::Kind::PageUp};
      if (digits == "6") return {Key::Kind::PageDown};
      if (digits == "1" || digits == "7") return {Key::Kind::Home};
      if (digits == "4" || digits == "8") return {Key::Kind::End};
      return {};
    default:
      return {};
  }
}

Key Screen::read_key(std::chrono::milliseconds wait) {
  const int byte = read_byte(static_cast<int>(wait.count()));
  if (byte < 0) {
    if (resized.exchange(false)) last_.clear();
    return {};
  }
  switch (byte) {
    case 0x1b:
      return read_sequence();
    case '\r':
    case '\n':
      return {Key::Kind::Enter};
    case '\b':
    case 0x7f:
      return {Key::Kind::Backspace};
    case '\t':
      return {Key::Kind::Tab};
    default:
      return byte >= ' ' && byte < 0x7f ? Key{Key::Kind::Character, static_cast<char>(byte)} : Key{};
  }
}

}  // namespace foretell::cli
