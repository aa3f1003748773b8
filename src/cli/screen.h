// The whole terminal, for a command that takes it over: frames are drawn, keys are read.
#pragma once

#include <termios.h>

#include <chrono>
#include <string>
#include <vector>

namespace foretell::cli {

struct Key {
  enum class Kind {
    None,
    Character,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Backspace,
    Tab,
    Escape
  };
  Kind kind = Kind::None;  // None: the time is over, or the window has another size
  char character = 0;      // of Kind::Character; those beyond ASCII are left out
};

// While it lives the terminal shows another screen without a cursor, and keys come one by one. However the program ends
// - but for SIGKILL - the terminal is as it was before. There is one at a time.
class Screen {
 public:
  Screen();  // throws Error where standard input or output is no terminal that can do this
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  struct Size {
    int columns = 80, rows = 24;
  };
  Size size() const;
  void draw(const std::vector<std::string>& lines);  // from the top; no line wider than the screen
  // Waits for a key at most so long; forever where it is negative. Throws Interrupted after Ctrl-C, SIGTERM and SIGHUP.
  Key read_key(std::chrono::milliseconds wait);

 private:
  int read_byte(int milliseconds);  // -1: none came
  Key read_sequence();              // after ESC

  termios before_ = {};
  std::string last_;  // what was drawn last
};

}  // namespace foretell::cli
