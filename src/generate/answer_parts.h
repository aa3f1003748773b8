// An answer as it is written: what a reasoning model thinks, the tools that it calls, and what it says.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace foretell {

enum class AnswerPart { Said, Thought, ToolCall };

// Splits a stream at the marks that published models use ("<think>", "[THINK]", gpt-oss's channels, "<tool_call>"...).
class AnswerSplitter {
 public:
  using OnPart = std::function<void(AnswerPart part, std::string_view text)>;
  // `prompt`: its end may have opened a part already, as templates do that end with "<think>".
  AnswerSplitter(std::string_view prompt, OnPart on_part);

  void push(std::string_view text);
  void finish();  // what may have been the beginning of a mark is given out

 private:
  void take();
  void give(size_t length);

  OnPart on_part_;
  std::string pending_;
  const struct AnswerMark* open_;  // the part that the text is in; null: what it says
};

// A part of a whole answer: its text is [begin, end), with the marks around it [outer_begin, outer_end).
struct AnswerRange {
  AnswerPart part;
  size_t begin, end, outer_begin, outer_end;
};
std::vector<AnswerRange> answer_ranges(std::string_view prompt, std::string_view answer);

}  // namespace foretell
