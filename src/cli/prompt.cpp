#include "cli/prompt.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "cli/interrupt.h"
#include "cli/options.h"

namespace foretell::cli {
namespace {

// Somebody gave standard input something to read: neither a terminal nor nothing at all.
bool piped() {
  struct stat status = {};
  return isatty(STDIN_FILENO) == 0 && fstat(STDIN_FILENO, &status) == 0 && !S_ISDIR(status.st_mode) &&
         (fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE) != O_WRONLY;
}

// A pipe that stays silent looks like a program that hangs: say what it waits for.
void announce_waiting() {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (poll(&input, 1, 2000) == 0) spdlog::info("reading standard input (end it, or give </dev/null for none)");
}

std::string read_all(int descriptor, const std::string& name) {
  std::string text;
  std::string buffer(1 << 16, '\0');
  for (;;) {
    const ssize_t n = read(descriptor, buffer.data(), buffer.size());
    if (n == 0) return text;
    if (n > 0) {
      text.append(buffer, 0, static_cast<size_t>(n));
    } else if (errno == EINTR) {
      stop_if_interrupted();
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd input{.fd = descriptor, .events = POLLIN, .revents = 0};
      poll(&input, 1, 100);
      stop_if_interrupted();
    } else {
      throw Error({.what = "cannot be read", .file = name, .found = std::strerror(errno)});
    }
  }
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

std::string read_input(const std::string& name) {
  if (name == "-") {
    spdlog::debug("reading standard input");
    if (isatty(STDIN_FILENO) == 0) announce_waiting();
    return read_all(STDIN_FILENO, "standard input");
  }
  const Descriptor file{open(name.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) throw Error({.what = "cannot be opened", .file = name, .found = std::strerror(errno)});
  return read_all(file.fd, name);
}

std::optional<std::string> read_piped_input() {
  if (!piped()) return {};
  return read_input("-");
}

std::vector<TokenId> parse_ids(std::string_view text, const std::string& option) {
  std::vector<TokenId> ids;
  for (const int64_t id : parse_numbers(text, {.least = 0, .most = std::numeric_limits<TokenId>::max()}, option))
    ids.push_back(static_cast<TokenId>(id));
  return ids;
}

void check_ids(const std::vector<TokenId>& ids, int64_t vocabulary_size) {
  for (const TokenId id : ids) {
    if (id >= vocabulary_size)
      throw UsageError({.what = "a token id is outside of the vocabulary",
                        .expected = "0 to " + std::to_string(vocabulary_size - 1),
                        .found = std::to_string(id)});
  }
}

void add_prompt_options(CLI::App& command, PromptOptions& options, PromptFlags flags) {
  add_text(command, "-p,--prompt", options.text, "TEXT", "The text; piped standard input comes before it")
      ->group("Input");
  add_text(command, "-f,--file", options.file, "FILE", "Read the text from a file (-: standard input)")->group("Input");
  if (flags.ids) {
    CLI::Option* ids = add_value(
        command, "--ids", "ID,ID",
        [&options](const std::string& value, const std::string& name) { options.ids = parse_ids(value, name); },
        "Token ids instead of a text; nothing is added to them");
    ids->group("Input")->excludes(command.get_option("--prompt"))->excludes(command.get_option("--file"));
  }
  if (flags.no_special)
    add_switch(command, "--no-special", options.no_special, "Add no special tokens (beginning of text...) to the text")
        ->group("Input");
}

Prompt read_prompt(const PromptOptions& options, bool needed) {
  if (options.ids) return {.ids = options.ids, .text = {}};
  Prompt prompt;
  bool given = options.text.has_value();
  if (options.file) {
    prompt.text = read_input(*options.file);
    given = true;
  } else if (const auto input = read_piped_input()) {
    prompt.text = *input;
    given = given || !prompt.text.empty();
  }
  if (!given && needed)
    throw UsageError({.what = "no text was given",
                      .expected = "-p TEXT, -f FILE, or a text on standard input",
                      .hint = "for example -p \"The capital of France is\""});
  return {.ids = {}, .text = prompt.text + options.text.value_or("")};
}

}  // namespace foretell::cli
