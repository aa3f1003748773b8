// `completion`: the scripts, in the shells that they are for.
#include <catch2/catch.hpp>

#include "cli/run.h"

using namespace foretell::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What bash offers for a line; the last word is the one to complete.
std::string offered(const std::string& words, int last) {
  const Outcome outcome =
      shell("source <($FORETELL completion bash) && COMP_WORDS=(" + words + ") COMP_CWORD=" + std::to_string(last) +
            " && _foretell && printf '%s\\n' \"${COMPREPLY[@]}\"");
  CHECK(outcome.err.empty());
  return "\n" + outcome.out;
}

}  // namespace

TEST_CASE("bash completes commands, flags, choices and files") {
  CHECK(contains(offered("foretell to", 1), "\ntokenize\n"));
  CHECK_FALSE(contains(offered("foretell to", 1), "inspect"));
  CHECK(contains(offered("foretell inspect --led", 2), "\n--ledger\n"));
  CHECK(offered("foretell inspect --ledger ''", 3) == "\nchapter\nexact\n");
  CHECK(offered("foretell inspect --ledger = ex", 4) == "\nexact\n");
  CHECK(contains(offered("foretell tokenize -f /etc/host", 3), "\n/etc/hosts\n"));
  CHECK(contains(offered("foretell completion ''", 2), "\nfish\n"));
  CHECK(contains(shell("source <($FORETELL completion bash); complete -p foretell").out, "-F _foretell foretell"));
}

TEST_CASE("zsh completes commands, flags and choices") {
  if (shell("command -v zsh").code != 0) {
    WARN("no zsh: its completion is not tested");
    return;
  }
  CHECK(shell("$FORETELL completion zsh | zsh -n").code == 0);
  // A real zsh in a pseudo-terminal: type, press Tab, see what stands there.
  const TempFolder folder;
  folder.write("try.zsh", R"(
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1= PROMPT_SP= ; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -d ' $1/dump
zpty -w shell 'foretell() { :; }; source <('$FORETELL' completion zsh); bindkey "^I" complete-word; echo REA""DY'
zpty -r -m shell seen '*READY*'
zpty -n -w shell $'foretell inspect --ledger=ex\t\n echo DO""NE\n'
zpty -r -m shell seen '*DONE*'
print -r -- "$seen"
)");
  const Outcome outcome = shell("zsh -f " + (folder.path() / "try.zsh").string() + " " + folder.path().string());
  INFO(outcome.out << outcome.err);
  CHECK(contains(outcome.out, "--ledger=exact"));
}

TEST_CASE("fish completes commands, flags and choices") {
  if (shell("command -v fish").code != 0) {
    WARN("no fish: its completion is not tested");
    return;
  }
  const auto offered_by_fish = [](const std::string& line) {
    const Outcome outcome = shell("fish -c '$FORETELL completion fish | source; complete -C \"" + line + "\"'");
    CHECK(outcome.err.empty());
    return outcome.out;
  };
  CHECK(contains(offered_by_fish("foretell to"), "tokenize\t"));
  CHECK(contains(offered_by_fish("foretell inspect --led"), "--ledger\t"));
  CHECK(contains(offered_by_fish("foretell inspect --ledger "), "chapter"));
  CHECK(contains(offered_by_fish("foretell completion "), "zsh"));
}
