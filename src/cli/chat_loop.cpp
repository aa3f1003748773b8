#include "cli/chat_loop.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <span>

#include "base/mapped_file.h"
#include "base/output_file.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

namespace foretell::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* help =
    "  /system TEXT   what the model is told first; without a text: nothing\n"
    "  /undo          take your last message and its answer back\n"
    "  /retry         another answer to your last message\n"
    "  /set           the samplers' settings; /set temp 0.7 changes one\n"
    "  /tokens        how long the conversation is\n"
    "  /save FILE     write the conversation as JSON; /load FILE reads it\n"
    "  /help          this\n"
    "  /exit          leave (Ctrl-D as well)\n"
    "A line that ends with a backslash goes on in the next one, and lines between two\n"
    "lines of \"\"\" are one message. Ctrl-C stops an answer.\n";

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

void ChatLoop::say(const std::string& text) {
  const bool color = context_.out_terminal.color;
  context_.out.write(styled(color, "2", text) + "\n");
}

void ChatLoop::run() {
  if (editor_.interactive()) say("/help lists what can be done; Ctrl-D leaves");
  while (true) {
    context_.out.flush();
    const std::optional<std::string> message = read_message();
    if (interrupted()) {
      forget_interrupt();
      if (!editor_.interactive()) throw Interrupted{};
      say("Ctrl-D or /exit leaves");
      continue;
    }
    if (!message) break;
    if (trimmed(*message).empty()) continue;
    editor_.remember(*message);
    try {
      if (message->starts_with('/') && editor_.interactive()) {
        if (!command(*message)) break;
      } else {
        answer_to(*message);
      }
    } catch (const Error& error) {  // the conversation goes on
      if (!editor_.interactive()) throw;
      spdlog::error("{}", error.what());
      if (!error.parts().hint.empty()) say(error.parts().hint);
    } catch (const Interrupted&) {  // of what was being shown
      if (!editor_.interactive()) throw;
    }
  }
  if (editor_.interactive()) context_.out.write("\n");
}

std::optional<std::string> ChatLoop::read_message() {
  const std::string first = "> ", more = ". ";
  std::optional<std::string> line = editor_.read(first);
  if (!line || !editor_.interactive()) return line;
  if (trimmed(*line) == "\"\"\"") {
    std::string text;
    while (true) {
      line = editor_.read(more);
      if (!line || interrupted()) return line;
      if (trimmed(*line) == "\"\"\"") return text;
      text += (text.empty() ? "" : "\n") + *line;
    }
  }
  std::string text;
  while (line->ends_with('\\')) {
    text += line->substr(0, line->size() - 1) + "\n";
    line = editor_.read(more);
    if (!line || interrupted()) return line;
  }
  return text + *line;
}

void ChatLoop::answer_to(const std::string& text) {
  const Json before = conversation_.messages;
  conversation_.add("user", text);
  try {
    answer_();
  } catch (...) {  // the question was not answered: it is not in the conversation
    conversation_.messages = before;
    throw;
  }
}

void ChatLoop::save(const std::string& file) {
  OutputFile out(file);
  const std::string text = conversation_.messages.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  out.write(std::as_bytes(std::span(text)));
  out.finish();
  out.commit();
  say(std::to_string(conversation_.messages.size()) + " messages in " + file);
}

void ChatLoop::load(const std::string& file) {
  Json messages;
  try {
    messages = Json::parse(read_text_file(file));
  } catch (const Json::parse_error& error) {
    throw Error({.what = "not valid JSON", .file = file, .found = error.what()});
  }
  if (!messages.is_array()) throw Error({.what = "not a conversation", .file = file, .expected = "a list of messages"});
  conversation_.messages = std::move(messages);
  say(std::to_string(conversation_.messages.size()) + " messages");
}

bool ChatLoop::command(const std::string& line) {
  const size_t space = std::min(line.find(' '), line.size());
  const std::string name = line.substr(1, space - 1), rest = trimmed(line.substr(space));
  if (name == "exit" || name == "quit" || name == "bye") return false;
  if (name == "help") {
    context_.out.write(help);
  } else if (name == "system") {
    conversation_.set_system(rest);
    say(rest.empty() ? "no system message" : "system message set");
  } else if (name == "undo") {
    say(conversation_.take_back() ? "taken back" : "there is nothing to take back");
  } else if (name == "retry") {
    if (const auto text = conversation_.take_back()) {
      answer_to(*text);
    } else {
      say("there is no message to answer");
    }
  } else if (name == "set") {
    const size_t at = std::min(rest.find(' '), rest.size());
    set_(rest.substr(0, at), trimmed(rest.substr(at)));
  } else if (name == "tokens") {
    say(std::to_string(session_.count(conversation_)) + " of " + std::to_string(session_.capacity()) + " tokens");
  } else if (name == "save" || name == "load") {
    if (rest.empty()) {
      say("/" + name + " needs a file");
    } else {
      name == "save" ? save(rest) : load(rest);
    }
  } else {
    say("no such command: /" + name + "; /help lists them");
  }
  return true;
}

}  // namespace foretell::cli
