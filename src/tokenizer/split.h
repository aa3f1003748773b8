// What becomes of the parts of a text that a pattern matches: the "behavior" of Split and Punctuation.
#pragma once

#include "tokenizer/json_node.h"
#include "tokenizer/text.h"

namespace foretell::tokenization {

enum class SplitBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };
// Throws Error at an unknown name.
SplitBehavior split_behavior(const JsonNode& node);

// Takes the consecutive ranges of a pattern one by one and gives the pieces on; empty pieces are left out.
class Splitter {
 public:
  Splitter(const Piece& piece, SplitBehavior behavior, PieceSink next)
      : piece_(piece), behavior_(behavior), next_(next) {}
  void operator()(size_t begin, size_t end, bool matches);
  void finish() { emit(); }

 private:
  void emit() {
    if (begin_ < end_) next_(piece_.slice(begin_, end_));
    begin_ = end_;
    open_ = false;
  }

  const Piece& piece_;
  SplitBehavior behavior_;
  PieceSink next_;
  size_t begin_ = 0, end_ = 0;  // the piece that may still grow
  bool open_ = false;           // there is one
  bool last_matched_ = false;
};

}  // namespace foretell::tokenization
