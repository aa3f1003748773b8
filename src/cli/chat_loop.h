// A conversation line by line: what a person types is a message, or a command that begins with a slash.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cli/chat_session.h"
#include "cli/context.h"
#include "cli/line_editor.h"

namespace foretell::cli {

class ChatLoop {
 public:
  // Answers the last message of the conversation and prints it; throws Error.
  using Answer = std::function<void()>;
  // Changes a setting of the sampler by its flag's name; throws UsageError. Without a name: shows all.
  using Set = std::function<void(const std::string& name, const std::string& value)>;

  ChatLoop(Context& context, Conversation& conversation, const ChatSession& session, Answer answer, Set set)
      : context_(context),
        conversation_(conversation),
        session_(session),
        answer_(std::move(answer)),
        set_(std::move(set)),
        editor_(history_file()) {}

  void run();

 private:
  std::optional<std::string> read_message();
  bool command(const std::string& line);  // false: leave
  void say(const std::string& text);
  void save(const std::string& file);
  void load(const std::string& file);
  void answer_to(const std::string& text);

  Context& context_;
  Conversation& conversation_;
  const ChatSession& session_;
  Answer answer_;
  Set set_;
  LineEditor editor_;
};

}  // namespace foretell::cli
