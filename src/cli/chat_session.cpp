#include "cli/chat_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "generate/tool_calls.h"

namespace foretell::cli {

using Json = nlohmann::ordered_json;

static bool is_from(const Json& message, const char* role) {
  return message.is_object() && message.contains("role") && message["role"] == role;
}

void Conversation::add(const std::string& role, const std::string& content) {
  messages.push_back({{"role", role}, {"content", content}});
}

void Conversation::add_answer(std::string_view prompt, const std::string& text) {
  const Json& callable = tools.is_null() && settings.contains("tools") ? settings["tools"] : tools;
  CalledTools called = read_tool_calls(prompt, text, callable);
  size_t number = 0;
  for (const Json& message : messages)
    if (message.is_object() && message.contains("tool_calls")) number += message["tool_calls"].size();
  add("assistant", called.said);
  if (called.calls.empty()) return;
  // Mistral's templates want names of nine letters and digits.
  for (Json& call : called.calls)
    if (number++; !call.contains("id")) call["id"] = fmt::format("call{:05}", number);
  messages.back()["tool_calls"] = std::move(called.calls);
}

void Conversation::set_system(const std::string& content) {
  if (!messages.empty() && is_from(messages.front(), "system")) messages.erase(messages.begin());
  if (!content.empty()) messages.insert(messages.begin(), Json{{"role", "system"}, {"content", content}});
}

std::vector<RenderedPiece> Conversation::render(const ChatTemplate& chat, bool generation_prompt) const {
  ChatVariables variables{.conversation = Json::object(), .settings = settings, .now = now};
  variables.conversation["messages"] = messages;
  if (!tools.is_null()) variables.conversation["tools"] = tools;
  if (!settings.contains("add_generation_prompt")) variables.settings["add_generation_prompt"] = generation_prompt;
  return chat.render(variables);
}

std::optional<std::string> Conversation::take_back() {
  for (size_t i = messages.size(); i-- > 0;) {
    if (!is_from(messages[i], "user")) continue;
    const Json& content = messages[i]["content"];
    std::string text = content.is_string() ? content.get<std::string>() : content.dump();
    messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(i), messages.end());
    return text;
  }
  return {};
}

bool Conversation::drop_oldest() {
  const auto user = [](const Json& message) { return is_from(message, "user"); };
  const auto first = std::find_if(messages.begin(), messages.end(), user);
  if (first == messages.end()) return false;
  const auto second = std::find_if(first + 1, messages.end(), user);
  if (second == messages.end()) return false;
  messages.erase(first, second);
  return true;
}

ChatPrompt ChatSession::prompt(const Conversation& conversation) const {
  ChatPrompt prompt{.pieces = conversation.render(chat_, true), .ids = {}};
  prompt.ids = encode_chat(tokenizer_, prompt.pieces, special_);
  return prompt;
}

size_t ChatSession::count(const Conversation& conversation) const {
  return encode_chat(tokenizer_, conversation.render(chat_, false), special_).size();
}

ChatAnswer ChatSession::answer(Conversation& conversation, const GenerateOptions& options, bool shift,
                               const std::function<void(const std::string&)>& on_begin, const OnText& on_text) {
  ChatAnswer answer;
  ChatPrompt prompt = this->prompt(conversation);
  // Room for an answer, or for a quarter of the context where that is less.
  const int64_t room = shift ? std::min(options.max_tokens, sequence_.capacity() / 4) : 1;
  const auto too_long = [&] { return static_cast<int64_t>(prompt.ids.size()) + room > sequence_.capacity(); };
  while (shift && too_long()) {
    const size_t before = conversation.messages.size();
    if (!conversation.drop_oldest()) break;
    answer.dropped += before - conversation.messages.size();
    prompt = this->prompt(conversation);
  }
  if (static_cast<int64_t>(prompt.ids.size()) >= sequence_.capacity())
    throw Error({.what = "the conversation is longer than the context",
                 .expected = "less than " + std::to_string(sequence_.capacity()) + " tokens",
                 .found = std::to_string(prompt.ids.size()),
                 .hint = "--context-shift drops the oldest turns; -c may give more room"});
  const auto common = std::mismatch(prompt.ids.begin(), prompt.ids.end(), read_.begin(), read_.end()).first;
  // The last token is read in any case, to have what follows it.
  const auto kept = std::min<int64_t>({common - prompt.ids.begin(), sequence_.length(), std::ssize(prompt.ids) - 1});
  sequence_.truncate(kept);
  answer.reused = static_cast<size_t>(kept);
  answer.prompt = joined(prompt.pieces);
  on_begin(answer.prompt);
  read_ = prompt.ids;
  try {
    answer.generation = generate(model_, &tokenizer_, sequence_, prompt.ids, options, on_text);
  } catch (...) {
    read_.resize(std::min(read_.size(), static_cast<size_t>(sequence_.length())));
    throw;
  }
  read_.insert(read_.end(), answer.generation.ids.begin(), answer.generation.ids.end());
  read_.resize(std::min(read_.size(), static_cast<size_t>(sequence_.length())));
  answer.prompt_ids = std::move(prompt.ids);
  conversation.add_answer(answer.prompt, answer.generation.text);
  return answer;
}

}  // namespace foretell::cli
