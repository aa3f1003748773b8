// The short version of an explanation: the answer, where it formed, and what spoke for it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/explanation.h"
#include "cli/token_text.h"

namespace foretell::cli {
namespace {

constexpr const char *dim = "2", *bold = "1", *cyan = "36", *green = "32", *red = "31";
constexpr int label_width = 16, shown_parts = 12, map_width = 7;

class Writer {
 public:
  Writer(const Explanation& e, const Tokenizer* tokenizer, const Terminal& terminal)
      : e_(e), tokenizer_(tokenizer), color_(terminal.color), width_(std::clamp(terminal.width, 40, 120)) {}

  std::string write() {
    answer();
    if (!e_.ablations.empty()) ablated();
    lens();
    attribution();
    if (e_.patching) patching();
    return out_;
  }

 private:
  std::string label(TokenId id, int width = label_width) const {
    return tokenizer_ ? shown_token(tokenizer_->token_bytes(id), width) : "#" + std::to_string(id);
  }
  std::string percent(double p) const { return p > 0 && p < 0.0005 ? "<0.1 %" : fmt::format("{:.1f} %", 100 * p); }
  void line(std::string text) {
    while (text.ends_with(' ')) text.pop_back();
    out_ += text + "\n";
  }
  void head(const std::string& text) { line("\n" + styled(color_, bold, text)); }

  std::string first_three(const Lens& lens) const {
    std::string text;
    for (size_t i = 0; i < std::min<size_t>(3, lens.top.size()); i++)
      text += (i > 0 ? ", " : "") + label(lens.top[i].id, 12) + " " + percent(lens.top[i].probability);
    return text;
  }

  void answer() {
    line(fmt::format("{} tokens, {} layers; next: {}", e_.trace.tokens.size(), e_.trace.layers.size(),
                     first_three(e_.final)));
  }

  void ablated() {
    std::string names;
    for (const Ablation& a : e_.ablations) names += (names.empty() ? "" : ", ") + name_of(a);
    line(fmt::format("without {}; with it: {}", names, first_three(*e_.unablated)));
  }

  void lens() {
    head("What it would say after each layer");
    line(styled(color_, dim, " layer  best              probability   rank of " + label(e_.answer)));
    const int bar_width = std::clamp(width_ - 60, 4, 30);
    for (const int64_t l : e_.layers) {
      const Lens& lens = e_.lens[static_cast<size_t>(l)];
      const bool there = lens.answer_rank == 1;
      std::string row = fmt::format("{:>6}  ", l) + pad_right(label(lens.top[0].id), label_width) +
                        pad_left(percent(lens.top[0].probability), 13) +
                        pad_left(fmt::format("#{}", lens.answer_rank), 9);
      row += "  " +
             styled(color_, there ? green : cyan, pad_right(bar(lens.answer_probability, bar_width), bar_width)) + " " +
             percent(lens.answer_probability);
      line(row);
    }
  }

  void attribution() {
    const std::string what = e_.against ? "Why " + label(e_.answer) + " and not " + label(*e_.against)
                                        : "What speaks for " + label(e_.answer);
    head(what + fmt::format(": logit{} {:.2f}", e_.against ? "s differ by" : "", e_.attribution.total));
    std::vector<Contribution> parts = e_.attribution.parts;
    std::stable_sort(parts.begin(), parts.end(), [](const Contribution& a, const Contribution& b) {
      return std::abs(a.logit) > std::abs(b.logit);
    });
    const double largest = parts.empty() ? 0 : std::abs(parts.front().logit);
    const int bar_width = std::clamp(width_ - 32, 8, 40);
    double rest = 0;
    for (size_t i = 0; i < parts.size(); i++) {
      if (i >= shown_parts) {
        rest += parts[i].logit;
        continue;
      }
      const std::string filled = bar(largest > 0 ? std::abs(parts[i].logit) / largest : 0, bar_width);
      line("  " + pad_right(parts[i].name, 12) + pad_left(fmt::format("{:+.3f}", parts[i].logit), 9) + "  " +
           styled(color_, parts[i].logit < 0 ? red : cyan, filled));
    }
    if (parts.size() > shown_parts)
      line(styled(color_, dim,
                  fmt::format("  {:<12}{:>+9.3f}", fmt::format("{} others", parts.size() - shown_parts), rest)));
  }

  // Where the first prompt's stream brings its answer back.
  void patching() {
    const Patching& p = *e_.patching;
    head("Where " + label(p.answer) + " comes back instead of " + label(p.other_answer));
    line(styled(color_, dim, "the part that is restored by this prompt's stream, by layer and position, in %"));
    const size_t columns = std::min(p.positions.size(), static_cast<size_t>((width_ - 8) / (map_width + 1)));
    const size_t first = p.positions.size() - columns;
    if (first > 0)
      line(
          styled(color_, dim, fmt::format("the last {} of {} positions; --json has all", columns, p.positions.size())));
    std::string names = "       ";
    for (size_t i = first; i < p.positions.size(); i++)
      names += " " + pad_left(label(e_.trace.tokens[static_cast<size_t>(p.positions[i])], map_width), map_width);
    line(styled(color_, dim, names));
    for (const int64_t l : e_.layers) {
      std::string row = fmt::format("{:>6} ", l);
      for (size_t i = first; i < p.positions.size(); i++) {
        const double part = p.restored[static_cast<size_t>(l) * p.positions.size() + i];
        row += " " + styled(color_,
                            part > 0.5   ? green
                            : part > 0.1 ? cyan
                                         : dim,
                            pad_left(fmt::format("{:.0f}", 100 * part), map_width));
      }
      line(row);
    }
  }

  const Explanation& e_;
  const Tokenizer* tokenizer_;
  const bool color_;
  const int width_;
  std::string out_;
};

}  // namespace

std::string explanation_text(const Explanation& e, const Tokenizer* tokenizer, const Terminal& terminal) {
  return Writer(e, tokenizer, terminal).write();
}

}  // namespace foretell::cli
