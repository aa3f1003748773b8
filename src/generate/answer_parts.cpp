#include "generate/answer_parts.h"

#include <algorithm>
#include <iterator>

namespace foretell {

struct AnswerMark {
  std::string_view begin, end;
  AnswerPart part;
};

namespace {

// From the chat templates of the models that use them.
constexpr AnswerMark marks[] = {
    {"<think>", "</think>", AnswerPart::Thought},                                          // DeepSeek, Qwen, SmolLM3
    {"<thinking>", "</thinking>", AnswerPart::Thought},                                    //
    {"<seed:think>", "</seed:think>", AnswerPart::Thought},                                // Seed-OSS
    {"[THINK]", "[/THINK]", AnswerPart::Thought},                                          // Magistral
    {"<|START_THINKING|>", "<|END_THINKING|>", AnswerPart::Thought},                       // Command A
    {"<|inner_prefix|>", "<|inner_suffix|>", AnswerPart::Thought},                         // Apertus
    {"<|channel|>analysis<|message|>", "<|end|>", AnswerPart::Thought},                    // gpt-oss
    {"<|start|>assistant<|channel|>final<|message|>", "<|return|>", AnswerPart::Said},     // gpt-oss
    {"<|channel|>final<|message|>", "<|return|>", AnswerPart::Said},                       // gpt-oss
    {"<tool_call>", "</tool_call>", AnswerPart::ToolCall},                                 // Hermes, Qwen
    {"<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", AnswerPart::ToolCall},  // Kimi
    {"<|START_ACTION|>", "<|END_ACTION|>", AnswerPart::ToolCall},                          // Command A
    {"[TOOL_CALLS]", "</s>", AnswerPart::ToolCall},                                        // Mistral; to its end
    {"<|python_tag|>", "<|eom_id|>", AnswerPart::ToolCall},                                // Llama 3; to its end
};

// How much of the end of `text` is the beginning of `mark`.
size_t begun(std::string_view text, std::string_view mark) {
  for (size_t n = std::min(text.size(), mark.size() - 1); n > 0; n--)
    if (text.ends_with(mark.substr(0, n))) return n;
  return 0;
}

// The thought that the end of a prompt opens, as templates do that end with "<think>"; null: none.
const AnswerMark* opened_by(std::string_view prompt) {
  const size_t last = prompt.find_last_not_of(" \n\r\t");
  const std::string_view text = prompt.substr(0, last == std::string_view::npos ? 0 : last + 1);
  const AnswerMark* open = nullptr;
  for (const AnswerMark& mark : marks)
    if (mark.part == AnswerPart::Thought && text.ends_with(mark.begin)) open = &mark;
  return open;
}

// The first mark that opens a part, and `at` where it stands; null: none.
const AnswerMark* first_mark(std::string_view text, size_t from, size_t& at) {
  const AnswerMark* first = nullptr;
  at = std::string::npos;
  for (const AnswerMark& mark : marks) {
    const size_t found = text.find(mark.begin, from);
    if (found < at || (found == at && first && mark.begin.size() > first->begin.size())) at = found, first = &mark;
  }
  return first;
}

}  // namespace

AnswerSplitter::AnswerSplitter(std::string_view prompt, OnPart on_part)
    : on_part_(std::move(on_part)), open_(opened_by(prompt)) {}

void AnswerSplitter::push(std::string_view text) {
  pending_ += text;
  take();
}

// Gives `length` bytes of what is pending to the part that is open.
void AnswerSplitter::give(size_t length) {
  if (length == 0) return;
  on_part_(open_ ? open_->part : AnswerPart::Said, std::string_view(pending_).substr(0, length));
  pending_.erase(0, length);
}

void AnswerSplitter::take() {
  while (true) {
    if (open_) {
      const size_t at = pending_.find(open_->end);
      if (at == std::string::npos) return give(pending_.size() - begun(pending_, open_->end));
      give(at);
      pending_.erase(0, open_->end.size());
      open_ = nullptr;
      continue;
    }
    size_t at = 0, held = 0;
    const AnswerMark* first = first_mark(pending_, 0, at);
    for (const AnswerMark& mark : marks) held = std::max(held, begun(pending_, mark.begin));
    if (first == nullptr) return give(pending_.size() - held);
    give(at);
    pending_.erase(0, first->begin.size());
    open_ = first;
  }
}

void AnswerSplitter::finish() { give(pending_.size()); }

std::vector<AnswerRange> answer_ranges(std::string_view prompt, std::string_view answer) {
  std::vector<AnswerRange> ranges;
  const AnswerMark* open = opened_by(prompt);
  size_t at = 0, outer = 0;
  while (at < answer.size() || open) {
    size_t end = 0, behind = 0;
    const AnswerPart part = open ? open->part : AnswerPart::Said;
    if (open) {
      end = std::min(answer.find(open->end, at), answer.size());
      behind = std::min(end + open->end.size(), answer.size());
      open = nullptr;
    } else {
      open = first_mark(answer, at, end);
      behind = end = std::min(end, answer.size());
    }
    if (at < end) ranges.push_back({part, at, end, outer, behind});
    outer = behind;
    at = behind + (open ? open->begin.size() : 0);
  }
  return ranges;
}

}  // namespace foretell
