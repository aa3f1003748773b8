#include "cli/line_chats.h"

#include "cli/chat_input.h"

namespace foretell::cli {

using Json = nlohmann::ordered_json;

std::pair<LineChat, std::vector<TokenId>> LineChats::render(Json messages, Json tools, const Json& args,
                                                            const Tokenizer& tokenizer) {
  if (!source_) source_ = read_chat_source(context_);
  std::optional<ChatTemplate>& chat = tools.is_null() ? plain_ : with_tools_;
  if (!chat) chat = read_template(*source_, given_, !tools.is_null());
  LineChat line;
  line.conversation.messages = std::move(messages);
  line.conversation.tools = std::move(tools);
  line.conversation.settings = source_->special_tokens;
  if (args.is_object()) line.conversation.settings.update(args);
  line.conversation.now = template_time();
  const std::vector<RenderedPiece> pieces = line.conversation.render(*chat, true);
  line.prompt = joined(pieces);
  return {std::move(line), encode_chat(tokenizer, pieces, false)};
}

}  // namespace foretell::cli
