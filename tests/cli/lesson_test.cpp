// docs/*.md: every command of a page prints what stands below it.
#include <catch2/catch.hpp>
#include <sstream>

#include "cli/run.h"

using namespace foretell::test;

namespace {

struct Step {
  std::string command;
  std::vector<std::string> shown;  // lines; "..." stands for any number of them
};

// Indented lines are a shell's: "$ COMMAND", and what it prints.
std::vector<Step> steps_of(const std::string& page) {
  std::vector<Step> steps;
  std::istringstream lines(page);
  bool inside = false;  // what a command prints
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("    $ ")) {
      steps.push_back({line.substr(6), {}});
      inside = true;
    } else if (inside && line.starts_with("    ")) {
      steps.back().shown.push_back(line.substr(4));
    } else if (inside && line.empty()) {
      steps.back().shown.emplace_back();
    } else {
      inside = false;
    }
  }
  for (Step& step : steps)
    while (!step.shown.empty() && step.shown.back().empty()) step.shown.pop_back();
  return steps;
}

std::vector<std::string> printed(const std::string& command) {
  const std::string source = FORETELL_SOURCE_DIR;
  // One thread: the numbers are the same, and many small runs are over sooner where the machine is busy.
  const Outcome outcome =
      shell("foretell() { \"$FORETELL\" \"$@\"; }; cd '" + source + "'; " + command, {{"FORETELL_THREADS", "1"}});
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  std::string text = outcome.out;
  for (size_t at; (at = text.find(source + "/")) != std::string::npos;) text.erase(at, source.size() + 1);
  std::vector<std::string> result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) result.push_back(line);
  return result;
}

// Whether the lines are those shown, from these places on.
bool fits(const std::vector<std::string>& lines, size_t line, const std::vector<std::string>& shown, size_t at) {
  for (; at < shown.size(); at++, line++) {
    if (shown[at] == "...") {
      for (size_t next = line; next <= lines.size(); next++)
        if (fits(lines, next, shown, at + 1)) return true;
      return false;
    }
    if (line >= lines.size() || lines[line] != shown[at]) return false;
  }
  return line == lines.size();
}

std::string together(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// Of the commands that show what they print there have to be so many; of the lesson all do.
void check_page(const std::string& name, size_t least) {
  std::vector<Step> steps = steps_of(read_file(std::string(FORETELL_SOURCE_DIR) + "/docs/" + name));
  if (name != "lesson.md") std::erase_if(steps, [](const Step& step) { return step.shown.empty(); });
  CHECK(steps.size() >= least);
  for (const Step& step : steps) {
    const std::vector<std::string> lines = printed(step.command);
    INFO("$ " << step.command << "\nprinted:\n" << together(lines) << "shown:\n" << together(step.shown));
    REQUIRE_FALSE(step.shown.empty());
    CHECK(fits(lines, 0, step.shown, 0));
  }
}

}  // namespace

TEST_CASE("every command of the lesson prints what its page shows") { check_page("lesson.md", 18); }
TEST_CASE("every command of the page on scoring prints what it shows") { check_page("score.md", 2); }
TEST_CASE("every command of the pages on samplers, beams and tokenizers prints what they show") {
  check_page("sampling.md", 1);
  check_page("strategies.md", 1);
  check_page("tokenizers.md", 3);
}
