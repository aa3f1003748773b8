#include "cli/run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace foretell::test {
namespace {

namespace fs = std::filesystem;

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read = ends[0], write = ends[1];
  }
  ~Pipe() { close_read(), close_write(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_read() {
    if (read >= 0) close(read);
    read = -1;
  }
  void close_write() {
    if (write >= 0) close(write);
    write = -1;
  }
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Nothing of the caller's own settings reaches the program.
std::vector<std::string> environment_of(const Invocation& invocation, const fs::path& home) {
  std::map<std::string, std::string> variables = invocation.environment;
  const char* path = std::getenv("PATH");
  variables.emplace("PATH", path != nullptr ? path : "/usr/bin:/bin");
  variables.emplace("HOME", home.string());
  variables.emplace("LANG", "C.UTF-8");
  std::vector<std::string> out;
  for (const auto& [name, value] : variables) out.push_back(name + "=" + value);
  return out;
}

// In the child, between fork and exec: system calls only.
[[noreturn]] void become(const Invocation& invocation, int input, int output, int error, char* const* arguments,
                         char* const* environment) {
  if (!invocation.output_file.empty())
    output = open(invocation.output_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (invocation.no_input) input = open("/dev/null", O_RDONLY);
  dup2(input, 0), dup2(output, 1), dup2(error, 2);
  signal(SIGINT, SIG_DFL), signal(SIGPIPE, SIG_DFL);
  if (!invocation.directory.empty() && chdir(invocation.directory.c_str()) != 0) _exit(127);
  execve(invocation.program.c_str(), arguments, environment);
  _exit(127);
}

// Takes what is there; false at the end.
bool drain(int descriptor, std::string& text) {
  std::array<char, 1 << 14> buffer{};
  const ssize_t n = read(descriptor, buffer.data(), buffer.size());
  if (n > 0) text.append(buffer.data(), static_cast<size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);
}

// Feeds the input and collects the output until both streams end or the time is over.
bool converse(const Invocation& invocation, int pid, Pipe& in, Pipe& out, Pipe& err, Outcome& outcome) {
  const auto end = std::chrono::steady_clock::now() + invocation.limit;
  size_t fed = 0;
  bool spoken = false;
  fcntl(in.write, F_SETFL, O_NONBLOCK);
  while (out.read >= 0 || err.read >= 0) {
    if (in.write >= 0 && fed == invocation.input.size() && !invocation.open_input) in.close_write();
    const bool feeding = in.write >= 0 && fed < invocation.input.size();
    std::array<pollfd, 3> streams = {
        pollfd{out.read, POLLIN, 0}, {err.read, POLLIN, 0}, {feeding ? in.write : -1, POLLOUT, 0}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    if (poll(streams.data(), streams.size(), static_cast<int>(left.count())) <= 0) continue;
    if (streams[2].revents != 0) {
      const ssize_t n = write(in.write, invocation.input.data() + fed, invocation.input.size() - fed);
      if (n > 0) fed += static_cast<size_t>(n);
      if (n < 0 && errno != EAGAIN && errno != EINTR) in.close_write();
    }
    if (streams[0].revents != 0 && !drain(out.read, outcome.out)) out.close_read();
    if (streams[1].revents != 0 && !drain(err.read, outcome.err)) err.close_read();
    if (!spoken && invocation.when_it_speaks && !(outcome.out + outcome.err).empty()) {
      spoken = true;
      invocation.when_it_speaks(pid);
    }
  }
  return true;
}

}  // namespace

std::vector<std::string> Outcome::errors() const {
  std::vector<std::string> found;
  std::istringstream lines(err);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("foretell: error: ")) found.push_back(line);
  }
  return found;
}

Outcome run(const Invocation& invocation) {
  signal(SIGPIPE, SIG_IGN);  // a program that does not read its input is no reason to die
  const TempFolder home;
  std::vector<std::string> arguments = {"foretell"};
  arguments.insert(arguments.end(), invocation.arguments.begin(), invocation.arguments.end());
  std::vector<std::string> environment = environment_of(invocation, home.path());
  const std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  Pipe in, out, err;
  const pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("no process");
  if (pid == 0) become(invocation, in.read, out.write, err.write, argv.data(), envp.data());
  in.close_read(), out.close_write(), err.close_write();
  Outcome outcome;
  outcome.late = !converse(invocation, pid, in, out, err, outcome);
  if (outcome.late) kill(pid, SIGKILL);
  int status = 0;
  rusage usage{};
  wait4(pid, &status, 0, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  outcome.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  outcome.peak_bytes = int64_t{usage.ru_maxrss} * 1024;
  if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

Outcome shell(const std::string& command, const std::map<std::string, std::string>& environment) {
  Invocation invocation{.arguments = {"-c", command}, .no_input = true, .environment = environment};
  invocation.program = "/bin/bash";
  invocation.environment["FORETELL"] = FORETELL_BINARY;
  return run(invocation);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace foretell::test
