// The binary in a terminal of 80 columns and 24 rows, with keys typed as a person would.
#pragma once

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace foretell::test {

class TerminalSession {
 public:
  explicit TerminalSession(const std::vector<std::string>& arguments,
                           const std::map<std::string, std::string>& environment = {}) {
    winsize size = {.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    int tty = -1;
    REQUIRE(openpty(&pty_, &tty, nullptr, nullptr, &size) == 0);
    tcgetattr(tty, &before_);
    tty_ = tty;
    child_ = fork();
    REQUIRE(child_ >= 0);
    if (child_ > 0) return;
    login_tty(tty);
    setenv("TERM", "xterm-256color", 1);
    setenv("LANG", "C.UTF-8", 1);
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    std::vector<std::string> all = {FORETELL_BINARY};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& text : all) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  ~TerminalSession() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(tty_);
    close(pty_);
  }
  TerminalSession(const TerminalSession&) = delete;
  TerminalSession& operator=(const TerminalSession&) = delete;

  void type(const std::string& keys) const { REQUIRE(write(pty_, keys.data(), keys.size()) > 0); }
  void send(int signal) const { kill(child_, signal); }

  // Everything that was shown, once `text` came after what this returned before.
  bool shows(const std::string& text) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < end) {
      if (const size_t at = shown_.find(text, seen_); at != std::string::npos) {
        seen_ = at + text.size();
        return true;
      }
      pollfd input = {.fd = pty_, .events = POLLIN, .revents = 0};
      if (poll(&input, 1, 100) <= 0) continue;
      char bytes[4096];
      const ssize_t n = read(pty_, bytes, sizeof bytes);
      if (n <= 0) return shown_.find(text, seen_) != std::string::npos;
      shown_.append(bytes, static_cast<size_t>(n));
    }
    return false;
  }

  // The exit code, or minus the signal that ended it.
  int end() {
    int status = 0;
    REQUIRE(waitpid(child_, &status, 0) == child_);
    return code(status);
  }

  // Types Ctrl-D until the program ends: one that comes before the program has taken the terminal over is lost.
  int leave() {
    int status = 0;
    for (int i = 0; i < 300; i++) {
      type("\004");
      poll(nullptr, 0, 100);
      if (waitpid(child_, &status, WNOHANG) == child_) return code(status);
    }
    return -1;
  }

  bool terminal_is_as_before() const {
    termios now = {};
    tcgetattr(tty_, &now);
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag &&
           now.c_cc[VSUSP] == before_.c_cc[VSUSP];
  }

 private:
  int code(int status) {
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  int pty_ = -1, tty_ = -1;
  pid_t child_ = -1;
  termios before_ = {};
  std::string shown_;
  size_t seen_ = 0;
};

}  // namespace foretell::test
