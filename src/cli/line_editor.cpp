#include "cli/line_editor.h"

#include <histedit.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <iostream>

#include "cli/interrupt.h"
#include "cli/terminal.h"

namespace foretell::cli {

namespace fs = std::filesystem;
namespace {

// Waits for a byte of standard input: 1; 0 at its end; -1 after Ctrl-C, also where that came before the wait.
int read_byte(char& byte) {
  pollfd inputs[] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                     {.fd = interrupt_file(), .events = POLLIN, .revents = 0}};
  int ready = 0;
  do {
    if (interrupted()) return -1;
    ready = poll(inputs, 2, -1);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0 || interrupted()) return -1;
  return static_cast<int>(::read(STDIN_FILENO, &byte, 1));
}

// libedit's EL_GETCFN: 1 and a character of the locale; 0 at the end of the input; -1 after Ctrl-C.
int read_character(EditLine*, wchar_t* character) {
  std::mbstate_t state = {};
  while (true) {
    char byte = 0;
    if (const int got = read_byte(byte); got <= 0) return got;
    if (byte == 0) continue;  // a Ctrl-D from before the editor had the terminal; libedit gets stuck at it
    const size_t length = std::mbrtowc(character, &byte, 1, &state);
    if (length <= 1) return 1;
    if (length == static_cast<size_t>(-1)) state = {};  // not a character: it is left out
  }
}

}  // namespace

struct LineEditor::Terminal {
  explicit Terminal(const fs::path& history_path) : path(history_path) {
    std::setlocale(LC_CTYPE, "");  // libedit moves by characters of the locale
    history = history_init();
    HistEvent event;
    ::history(history, &event, H_SETSIZE, 1000);
    ::history(history, &event, H_SETUNIQUE, 1);
    if (!path.empty()) ::history(history, &event, H_LOAD, path.c_str());
    edit = el_init("foretell", stdin, stdout, stderr);
    el_set(edit, EL_CLIENTDATA, this);
    el_set(edit, EL_PROMPT, &Terminal::show_prompt);
    el_set(edit, EL_HIST, ::history, history);
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_SIGNAL, 0);  // Ctrl-C is this program's
    el_set(edit, EL_GETCFN, &read_character);
    el_source(edit, nullptr);  // ~/.editrc
  }
  ~Terminal() {
    HistEvent event;
    if (!path.empty()) ::history(history, &event, H_SAVE, path.c_str());
    el_end(edit);
    history_end(history);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  static char* show_prompt(EditLine* edit) {
    Terminal* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return self->prompt.data();
  }

  fs::path path;
  std::string prompt;
  EditLine* edit = nullptr;
  History* history = nullptr;
};

LineEditor::LineEditor(const fs::path& history) {
  if (look_at_stream(STDIN_FILENO, ColorChoice::Auto).interactive &&
      look_at_stream(STDOUT_FILENO, ColorChoice::Auto).interactive)
    terminal_ = std::make_unique<Terminal>(history);
}

LineEditor::~LineEditor() = default;

bool LineEditor::interactive() const { return terminal_ != nullptr; }

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  std::string line;
  if (!terminal_) {
    if (!std::getline(std::cin, line)) return {};
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }
  terminal_->prompt = prompt;
  int length = 0;
  errno = 0;
  const char* text = el_gets(terminal_->edit, &length);
  if (interrupted()) {
    tcflush(STDIN_FILENO, TCIFLUSH);  // what was typed ahead goes with the line, as the terminal's own Ctrl-C does
    el_reset(terminal_->edit);
    std::fputs("\n", stdout);
    std::fflush(stdout);
    return "";
  }
  if (text == nullptr || length <= 0) return {};
  line.assign(text, static_cast<size_t>(length));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  return line;
}

void LineEditor::remember(const std::string& line) {
  if (!terminal_ || line.empty()) return;
  HistEvent event;
  ::history(terminal_->history, &event, H_ENTER, line.c_str());
}

fs::path history_file() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if ((state == nullptr || *state == '\0') && (home == nullptr || *home == '\0')) return {};
  const fs::path folder =
      (state != nullptr && *state != '\0' ? fs::path(state) : fs::path(home) / ".local/state") / "foretell";
  std::error_code failed;
  fs::create_directories(folder, failed);
  return failed ? fs::path() : folder / "chat_history";
}

}  // namespace foretell::cli
