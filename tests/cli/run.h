// Runs the binary as a person does: arguments, environment and standard input in; what it printed and how it ended out.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "temp_folder.h"

namespace foretell::test {

struct Invocation {
  std::vector<std::string> arguments;
  std::string input = {};                               // standard input, a pipe that ends after it
  bool no_input = false;                                // /dev/null instead
  bool open_input = false;                              // the pipe stays open after it
  std::map<std::string, std::string> environment = {};  // beside PATH and LANG; HOME is an empty folder
  std::filesystem::path directory = {};                 // to run in
  std::string output_file = {};                         // standard output goes there ("/dev/full") instead
  std::filesystem::path program = FORETELL_BINARY;
  // Called once when something came on standard output or error, with the process id: to send a signal.
  std::function<void(int pid)> when_it_speaks = {};
  std::chrono::seconds limit{60};
};

struct Outcome {
  std::string out, err;
  int code = -1;           // the exit code; -1 where a signal ended the program
  int signal = 0;          // that signal
  bool late = false;       // it ran past the limit and was killed
  double cpu_seconds = 0;  // that all its threads computed
  int64_t peak_bytes = 0;  // the most memory that it held
  // The lines of standard error that begin with "foretell: error: ".
  std::vector<std::string> errors() const;
};

Outcome run(const Invocation& invocation);
inline Outcome run(const std::vector<std::string>& arguments) {
  return run({.arguments = arguments, .no_input = true});
}

// A shell command, in which $FORETELL is the binary (for pipes).
Outcome shell(const std::string& command, const std::map<std::string, std::string>& environment = {});

using foretell::TempFolder;

std::string read_file(const std::filesystem::path& path);

}  // namespace foretell::test
