// `explore` in a terminal of 80 columns and 24 rows, with keys typed as a person would.
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>

#include "cli/run.h"

using namespace foretell::test;

namespace {

class Session {
 public:
  explicit Session(const std::vector<std::string>& arguments) {
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
    std::vector<std::string> all = {FORETELL_BINARY};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& text : all) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  ~Session() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(tty_);
    close(pty_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

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
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  bool terminal_is_as_before() const {
    termios now = {};
    tcgetattr(tty_, &now);
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag &&
           now.c_cc[VSUSP] == before_.c_cc[VSUSP];
  }

 private:
  int pty_ = -1, tty_ = -1;
  pid_t child_ = -1;
  termios before_ = {};
  std::string shown_;
  size_t seen_ = 0;
};

const std::string other_screen = "\033[?1049h", first_screen = "\033[?1049l", right = "\033[C", left = "\033[D",
                  down = "\033[B";

}  // namespace

TEST_CASE("explore: tokens are taken, and taken back") {
  Session session({"explore", "-p", "The capital of France is", "--color", "never"});
  REQUIRE(session.shows(other_screen));
  REQUIRE(session.shows("5 tokens"));
  REQUIRE(session.shows("The capital of France is Paris"));  // what is selected stands behind the text
  session.type(right);
  REQUIRE(session.shows("6 tokens"));
  REQUIRE(session.shows("is Paris."));
  session.type(down);
  REQUIRE(session.shows("›   2 "));
  session.type(left);
  REQUIRE(session.shows("5 tokens"));
  REQUIRE(session.shows("›   1 ␣Paris"));
  session.type("0");
  REQUIRE(session.shows("greedy"));
  REQUIRE(session.shows("100.0 %"));
  session.type("1");
  REQUIRE(session.shows("temperature 1.00"));
  session.type(left);
  REQUIRE(session.shows("this is where the prompt ends"));
  session.type("?");
  REQUIRE(session.shows("go back one token"));
  session.type("q");
  REQUIRE(session.shows(first_screen));
  CHECK(session.end() == 0);
  CHECK(session.terminal_is_as_before());
}

TEST_CASE("explore: the terminal is as it was after Ctrl-C and after a signal") {
  for (const bool by_key : {true, false}) {
    Session session({"explore", "-p", "Once"});
    REQUIRE(session.shows(other_screen));
    REQUIRE(session.shows("what may come next"));
    by_key ? session.type("\003") : session.send(SIGTERM);
    REQUIRE(session.shows(first_screen));
    CHECK(session.end() == 130);
    CHECK(session.terminal_is_as_before());
  }
}

TEST_CASE("explore: a pipe is no terminal") {
  const Outcome outcome = run({"explore", "-p", "Once"});
  CHECK(outcome.code == 1);
  CHECK(outcome.out.empty());
  REQUIRE(outcome.errors().size() == 1);
  CHECK(outcome.errors()[0].find("this needs a terminal") != std::string::npos);
}
