// Lines that a person types: with editing and a history on a terminal, as they come from a pipe.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace foretell::cli {

class LineEditor {
 public:
  // `history`: a file that earlier lines are read from and new ones written to; empty: none.
  explicit LineEditor(const std::filesystem::path& history);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  bool interactive() const;
  // A line without its end; nothing at the end of the input (Ctrl-D). Ctrl-C gives an empty line, and interrupted()
  // says so.
  std::optional<std::string> read(const std::string& prompt);
  void remember(const std::string& line);

 private:
  struct Terminal;
  std::unique_ptr<Terminal> terminal_;  // null: a pipe
};

// $XDG_STATE_HOME/foretell/chat_history, by default in ~/.local/state; empty where there is no such place.
std::filesystem::path history_file();

}  // namespace foretell::cli
