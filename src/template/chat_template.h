// A chat template: conversations as the text that a model was trained on, as transformers renders them
// (PreTrainedTokenizer.apply_chat_template: jinja2's ImmutableSandboxedEnvironment with trim_blocks and lstrip_blocks).
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace foretell {

// A part of a rendered text: written by the template, where special tokens are meant, or somebody's words, which are
// text whatever they look like.
struct RenderedPiece {
  std::string text;
  bool from_template = true;
};

struct ChatVariables {
  nlohmann::ordered_json conversation = nlohmann::ordered_json::object();  // messages, tools, documents: somebody's
  nlohmann::ordered_json settings = nlohmann::ordered_json::object();      // bos_token, add_generation_prompt...: ours
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();  // what strftime_now shows
};

class ChatTemplate {
 public:
  // `name`: the file, or what else to name in errors. Throws Error where it is no template.
  ChatTemplate(std::string_view source, std::string name);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // Throws Error with the message that the reference raises ("TemplateError: Conversation roles must alternate"), and
  // where the template takes more than 50 million steps, 100 levels or 16 MB.
  std::vector<RenderedPiece> render(const ChatVariables& variables) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

std::string joined(const std::vector<RenderedPiece>& pieces);

}  // namespace foretell
