// The conversations of `generate --batch-lines`: {"messages": [...], "tools": [...], "template_args": {...}}.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/chat_session.h"
#include "cli/context.h"

namespace foretell::cli {

// What is kept of a line's conversation until its answer is there.
struct LineChat {
  Conversation conversation;
  std::string prompt;  // that the template made of it
};

class LineChats {
 public:
  // `given`: as read_template() takes it. Templates are read when the first line needs one.
  LineChats(const Context& context, std::optional<std::string> given) : context_(context), given_(std::move(given)) {}

  // The conversation, and the ids of its prompt. `tools` and `args` may be null. Throws Error where there is no
  // template, and for what it refuses.
  std::pair<LineChat, std::vector<TokenId>> render(nlohmann::ordered_json messages, nlohmann::ordered_json tools,
                                                   const nlohmann::ordered_json& args, const Tokenizer& tokenizer);

 private:
  const Context& context_;
  const std::optional<std::string> given_;
  std::optional<ChatSource> source_;
  std::optional<ChatTemplate> plain_, with_tools_;
};

}  // namespace foretell::cli
