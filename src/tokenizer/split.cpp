#include "tokenizer/split.h"

namespace foretell::tokenization {

SplitBehavior split_behavior(const JsonNode& node) {
  const std::string_view name = node.string();
  if (name == "Removed") return SplitBehavior::Removed;
  if (name == "Isolated") return SplitBehavior::Isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::MergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::MergedWithNext;
  if (name == "Contiguous") return SplitBehavior::Contiguous;
  node.fail("unknown split behavior", {}, "\"" + std::string(name) + "\"");
}

void Splitter::operator()(size_t begin, size_t end, bool matches) {
  bool grows = false;
  switch (behavior_) {
    case SplitBehavior::Removed:
    case SplitBehavior::Isolated:
      if (begin < end && !(matches && behavior_ == SplitBehavior::Removed)) next_(piece_.slice(begin, end));
      return;
    case SplitBehavior::MergedWithPrevious:
      grows = matches && !last_matched_;
      break;
    case SplitBehavior::MergedWithNext:
      grows = !matches && last_matched_;
      break;
    case SplitBehavior::Contiguous:
      grows = matches == last_matched_;
      break;
  }
  last_matched_ = matches;
  if (!open_ || !grows) {
    emit();
    begin_ = begin;
  }
  end_ = end;
  open_ = true;
}

}  // namespace foretell::tokenization
