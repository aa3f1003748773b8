#include "cli/explore_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/terminal.h"
#include "tokenizer/utf8.h"

namespace foretell::cli {
namespace {

constexpr const char *dim = "2", *bold = "1", *cyan = "36", *reverse = "7";
constexpr const char* chosen_styles[] = {"1;36", "1;34"};  // in turn, so that one sees the tokens
constexpr int label_width = 18, least_text_rows = 4, most_candidates = 14;

// As much of a line as fits.
std::string cut(const std::string& text, int columns) {
  std::string line;
  for (size_t at = 0; at < text.size();) {
    const std::string character = text.substr(at, tokenization::character_length(text[at]));
    if (display_width(line) + display_width(character) > columns) break;
    line += character;
    at += character.size();
  }
  return line;
}

std::string percent(double probability) {
  if (probability > 0 && probability < 0.0005) return "<0.1 %";
  return fmt::format("{:.1f} %", 100 * probability);
}

// The text so far in lines of `columns`: each token in its style, what is selected behind it. The last `rows` of them.
class TextLines {
 public:
  TextLines(int columns, bool color) : columns_(columns), color_(color) {}

  void add(std::string_view bytes, const char* style) {
    pending_ += bytes;
    std::string piece;
    size_t at = 0;
    while (at < pending_.size()) {
      const size_t length = tokenization::character_length(pending_[at]);
      if (at + length > pending_.size()) break;  // the rest of the character is in the next token
      const std::string_view character(pending_.data() + at, length);
      at += length;
      if (character == "\n") {
        write(piece + "⏎", style);
        piece.clear();
        lines_.emplace_back();
        column_ = 0;
        continue;
      }
      const std::string shown = visible(character);
      const int width = display_width(shown);
      if (column_ + display_width(piece) + width > columns_) {
        write(piece, style);
        piece.clear();
        lines_.emplace_back();
        column_ = 0;
      }
      piece += shown;
    }
    pending_.erase(0, at);
    write(piece, style);
  }

  std::vector<std::string> last(int rows) const {
    const auto from = static_cast<std::ptrdiff_t>(std::max<size_t>(lines_.size(), static_cast<size_t>(rows)) -
                                                  static_cast<size_t>(rows));
    std::vector<std::string> lines(lines_.begin() + std::min<std::ptrdiff_t>(from, std::ssize(lines_)), lines_.end());
    lines.resize(static_cast<size_t>(rows));
    return lines;
  }

 private:
  void write(const std::string& piece, const char* style) {
    column_ += display_width(piece);
    lines_.back() += style ? styled(color_, style, piece) : piece;
  }

  const int columns_;
  const bool color_;
  int column_ = 0;
  std::string pending_;
  std::vector<std::string> lines_{1};
};

std::string title(const ExploreView& view, int columns, bool color) {
  const SamplingOptions& s = view.sampling;
  const std::string left = " foretell explore  " + view.model;
  std::string right = s.temperature == 0 ? "greedy" : fmt::format("temperature {:.2f}", s.temperature);
  if (s.top_k > 0) right += fmt::format("  top-k {}", s.top_k);
  if (s.top_p < 1) right += fmt::format("  top-p {:.2f}", s.top_p);
  right += fmt::format("  {} tokens ", view.texts.size());
  const int space = columns - display_width(right);
  return styled(color, reverse, pad_right(cut(left, std::max(1, space - 1)), space) + right);
}

std::string candidate(const ExploreView& view, size_t index, int columns, double largest, bool color) {
  const PredictedToken& token = view.prediction.tokens[index];
  const bool selected = index == view.selected, is_cut = token.final_probability == 0;
  std::string line = fmt::format("{} {:>3} ", selected ? "›" : " ", index + 1);
  const std::string label = pad_right(cut(view.labels[index], label_width), label_width);
  line += selected ? styled(color, reverse, label) : is_cut ? styled(color, dim, label) : label;
  line += pad_left(is_cut ? "cut" : percent(token.final_probability), 8) + " ";
  const int bar_width = columns - 5 - label_width - 9;
  const std::string filled = bar(largest > 0 ? token.final_probability / largest : 0, bar_width);
  return line + styled(color, cyan, filled) + blanks(bar_width - display_width(filled));
}

std::string lens_row(const LensRow& row, const ExploreView& view, int columns, bool color) {
  const std::string rank = row.rank > 9999 ? ">9999" : "#" + std::to_string(row.rank);
  std::string line = styled(color, dim, fmt::format("{:>4} ", row.layer)) + pad_left(rank, 6) + " ";
  const bool same = row.rank == 1 && !view.prediction.tokens.empty();
  const int best_width = 14, bar_width = std::max(0, columns - 12 - best_width - 1);
  const std::string filled = bar(row.probability, bar_width);
  line += styled(color, same ? "32" : cyan, filled) + blanks(bar_width - display_width(filled)) + " ";
  return line + styled(color, same ? "32" : dim, cut(row.best, best_width));
}

// Layers to show in so many rows: always the last.
std::vector<LensRow> spread(const std::vector<LensRow>& lens, int rows) {
  std::vector<LensRow> some;
  const auto n = static_cast<int>(std::ssize(lens));
  const int count = std::min(rows, n);
  for (int i = 0; i < count; i++)
    some.push_back(lens[static_cast<size_t>(count == 1 ? n - 1 : i * (n - 1) / (count - 1))]);
  return some;
}

const std::vector<std::string>& help_lines() {
  static const std::vector<std::string> lines = {
      "  up, down     select another token        page up, page down: ten at a time",
      "  right, enter take it                     left, backspace: go back one token",
      "  + -          temperature up, down        0: greedy   1: temperature 1",
      "  ] [          top-k up, down              } {: top-p up, down",
      "  d            draw one token by chance    space: go on drawing; any key stops",
      "  l            what each layer would say   ?: this help   q: leave",
  };
  return lines;
}

}  // namespace

std::vector<std::string> explore_frame(const ExploreView& view, int columns, int rows, bool color) {
  const int list_rows = std::clamp(rows - least_text_rows - 4, 1, most_candidates);
  const int text_rows = std::max(1, rows - list_rows - 4);
  std::vector<std::string> lines = {title(view, columns, color)};

  TextLines text(columns - 2, color);
  for (size_t i = 0; i < view.texts.size(); i++)
    text.add(view.texts[i], i < view.prompt_length ? nullptr : chosen_styles[i % 2]);
  if (!view.writing) text.add(view.selected_text, reverse);
  for (const std::string& line : text.last(text_rows)) lines.push_back(" " + line);

  const bool with_lens = !view.lens.empty() && columns >= 76 && !view.help;
  const int list_columns = with_lens ? columns / 2 + 4 : columns;
  const std::string head = fmt::format(" what may come next  (entropy {:.2f} bits, like {:.1f} equal choices)",
                                       view.prediction.entropy_bits, std::exp2(view.prediction.entropy_bits));
  lines.push_back(styled(color, bold, cut(head, columns)));
  const std::string columns_head = with_lens ? pad_right("", list_columns) + "layer   rank, and what it would say" : "";
  lines.push_back(styled(color, dim, cut(columns_head, columns)));

  double largest = 0;
  for (const PredictedToken& token : view.prediction.tokens) largest = std::max(largest, token.final_probability);
  const std::vector<LensRow> lens = with_lens ? spread(view.lens, list_rows) : std::vector<LensRow>{};
  const auto visible_rows = static_cast<size_t>(list_rows);
  const size_t first = view.selected < visible_rows ? 0 : view.selected - visible_rows + 1;
  for (size_t row = 0; row < visible_rows; row++) {
    std::string line;
    const size_t index = first + row;
    if (view.help) {
      line = row < help_lines().size() ? cut(help_lines()[row], columns) : "";
    } else {
      line = index < view.prediction.tokens.size() ? candidate(view, index, list_columns - 1, largest, color)
                                                   : blanks(list_columns - 1);
      if (row < lens.size()) line += " " + lens_row(lens[row], view, columns - list_columns, color);
    }
    lines.push_back(line);
  }
  const std::string keys =
      view.writing ? " any key stops" : " ↑↓ select  → take  ← back  +- temperature  d draw  l layers  ? help  q end";
  lines.push_back(styled(color, dim, cut(view.message.empty() ? keys : " " + view.message, columns)));
  lines.resize(static_cast<size_t>(rows));
  return lines;
}

}  // namespace foretell::cli
