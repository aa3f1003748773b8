// What `explore` shows: one frame for a state.
#pragma once

#include <string>
#include <vector>

#include "foretell/sampling.h"

namespace foretell::cli {

// What a layer would say if it were the last: of the token that is selected, and its own best.
struct LensRow {
  int64_t layer = 0;
  double probability = 0;
  int64_t rank = 0;  // from 1
  std::string best;  // as it is shown
};

struct ExploreView {
  std::string model;
  std::vector<std::string> texts;   // of each token so far, in bytes
  size_t prompt_length = 0;         // so many of them are the prompt
  std::vector<std::string> labels;  // of each of prediction.tokens, as it is shown
  std::string selected_text;        // in bytes
  Prediction prediction;
  size_t selected = 0;  // of prediction.tokens
  SamplingOptions sampling;
  std::vector<LensRow> lens;  // empty: not shown
  std::string message;
  bool writing = false;  // it goes on by itself
  bool help = false;
};

// `rows` lines of at most `columns` columns.
std::vector<std::string> explore_frame(const ExploreView& view, int columns, int rows, bool color);

}  // namespace foretell::cli
