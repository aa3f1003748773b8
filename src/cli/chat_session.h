// A conversation with a model: its messages, and how far the model has read them.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "foretell/generate.h"
#include "generate/chat_source.h"

namespace foretell::cli {

struct ChatPrompt {
  std::vector<RenderedPiece> pieces;
  std::vector<TokenId> ids;  // empty where there is no tokenizer to make them
};

// What is rendered, and with what.
struct Conversation {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  nlohmann::ordered_json tools;                                        // null, or an array
  nlohmann::ordered_json settings = nlohmann::ordered_json::object();  // special tokens and --template-arg
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();

  void add(const std::string& role, const std::string& content);
  // What the model wrote after `prompt`; where there are tools that it can call, with its "tool_calls".
  void add_answer(std::string_view prompt, const std::string& text);
  // Replaces the system message at the beginning; empty: there is none.
  void set_system(const std::string& content);
  std::vector<RenderedPiece> render(const ChatTemplate& chat, bool generation_prompt) const;
  // Takes the last user message and all that follow it back, and returns its text; nothing where there is none.
  std::optional<std::string> take_back();
  // Takes away the oldest message of a user and what follows up to the next one's. False where one alone is left.
  bool drop_oldest();
};

struct ChatAnswer {
  Generation generation;
  std::vector<TokenId> prompt_ids;
  std::string prompt;  // its text
  size_t reused = 0;   // tokens of the prompt that the model had read before
  size_t dropped = 0;  // messages that went to make room
};

// Answers the last message. The model, tokenizer, template and conversation must outlive it.
class ChatSession {
 public:
  ChatSession(Model& model, Sequence& sequence, const Tokenizer& tokenizer, const ChatTemplate& chat, bool special)
      : model_(model), sequence_(sequence), tokenizer_(tokenizer), chat_(chat), special_(special) {}

  // `shift`: where the conversation does not fit, its oldest turns are dropped; else Error says both lengths.
  // `on_begin` gets the prompt before the first text comes. The answer is added to the conversation.
  ChatAnswer answer(Conversation& conversation, const GenerateOptions& options, bool shift,
                    const std::function<void(const std::string& prompt)>& on_begin, const OnText& on_text);

  // The tokens of the conversation as it stands, and those that fit.
  size_t count(const Conversation& conversation) const;
  int64_t capacity() const { return sequence_.capacity(); }

 private:
  ChatPrompt prompt(const Conversation& conversation) const;

  Model& model_;
  Sequence& sequence_;
  const Tokenizer& tokenizer_;
  const ChatTemplate& chat_;
  const bool special_;
  std::vector<TokenId> read_;  // what the sequence holds
};

}  // namespace foretell::cli
