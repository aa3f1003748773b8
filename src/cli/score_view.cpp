#include "cli/score_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "cli/token_text.h"
#include "tokenizer/utf8.h"

namespace foretell::cli {
namespace {

// Black on what grows redder with the surprise.
struct Shade {
  double bits;  // from so many on
  const char* style;
};
constexpr std::array<Shade, 6> shades = {
    {{0, ""}, {2, "30;48;5;230"}, {4, "30;48;5;229"}, {7, "30;48;5;222"}, {10, "30;48;5;215"}, {14, "30;48;5;203"}}};

const char* style_of(double logprob) {
  const char* style = "2";  // not scored
  if (std::isnan(logprob)) return style;
  for (const Shade& shade : shades)
    if (bits(-logprob) >= shade.bits) style = shade.style;
  return style;
}

std::string label(const ScoredToken& token) {
  constexpr int widest = 24;
  return token.bytes.empty() ? "#" + std::to_string(token.id) : shown_token(token.bytes, widest);
}

std::string alternatives(const ScoredText::Surprise& surprise, const Tokenizer* tokenizer) {
  std::string text;
  for (const TokenLogprob& t : surprise.top) {
    const std::string name = tokenizer ? shown_token(tokenizer->token_bytes(t.id), 16) : "#" + std::to_string(t.id);
    text += fmt::format("{}{} {:.0f} %", text.empty() ? "" : " · ", name, 100 * std::exp(t.logprob));
  }
  return text;
}

// What is shown on one colour: a token, or all those of one character.
struct Piece {
  std::string bytes;
  double logprob = 0;          // of all its tokens; NaN where one was not scored
  std::vector<size_t> tokens;  // their indices
};

std::vector<Piece> pieces_of(const std::vector<ScoredToken>& tokens, const ScoredText& scored) {
  std::vector<Piece> pieces;
  constexpr size_t most = 4;  // tokens that may make up a character
  for (size_t i = 0; i < tokens.size(); i++) {
    const bool open =
        !pieces.empty() && pieces.back().tokens.size() < most && !tokenization::is_utf8(pieces.back().bytes);
    if (!open) pieces.emplace_back();
    Piece& piece = pieces.back();
    piece.bytes += tokens[i].bytes;
    piece.logprob += scored.logprobs[i];
    piece.tokens.push_back(i);
  }
  return pieces;
}

// Lays the text out in rows of words, each with its notes below it.
class Page {
 public:
  Page(const std::vector<ScoredToken>& tokens, const ScoredText& scored, const Tokenizer* tokenizer, int width)
      : tokens_(tokens), scored_(scored), tokenizer_(tokenizer), width_(width) {
    for (const auto& surprise : scored.surprises) notes_[surprise.index] = &surprise;
  }

  std::string print() {
    const std::vector<Piece> pieces = pieces_of(tokens_, scored_);
    for (size_t begin = 0; begin < pieces.size();) {
      size_t end = begin + 1;
      while (end < pieces.size() && !begins_word(pieces[end].bytes)) end++;
      int word = 0;
      for (size_t i = begin; i < end; i++) word += display_width(first_line(pieces[i].bytes));
      if (column_ > 0 && column_ + word > width_) end_row();
      for (size_t i = begin; i < end; i++) add(pieces[i]);
      begin = end;
    }
    end_row();
    return std::move(text_);
  }

 private:
  static bool begins_word(const std::string& bytes) {
    return bytes.empty() || bytes.front() == ' ' || bytes.find('\n') != std::string::npos;
  }
  static std::string first_line(const std::string& bytes) { return visible(bytes.substr(0, bytes.find('\n'))); }

  void add(const Piece& piece) {
    std::string style = style_of(piece.logprob), rest = piece.bytes;
    if (column_ == 0 && rest.size() > 1 && rest.front() == ' ' && piece.tokens.front() > 0) rest.erase(0, 1);
    for (const size_t index : piece.tokens) {
      if (notes_.count(index) == 0) continue;
      noted_.push_back(index);
      if (!style.ends_with(";4")) style += style.empty() ? "4" : ";4";  // underlined
    }
    for (size_t end; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1)) {
      put(rest.substr(0, end), style);
      row_ += styled(!style.empty(), style, "↵");
      end_row();
    }
    put(rest, style);
  }

  // Wider than the row: goes on in the next.
  void put(const std::string& bytes, const std::string& style) {
    std::string part;
    const std::string text = visible(bytes);
    for (size_t at = 0; at < text.size();) {
      const std::string character = text.substr(at, tokenization::character_length(text[at]));
      const int wide = display_width(character);
      if (column_ + wide > width_) {
        row_ += styled(!style.empty(), style, part);
        part.clear();
        end_row();
      }
      part += character;
      column_ += wide;
      at += character.size();
    }
    row_ += styled(!style.empty(), style, part);
  }

  void end_row() {
    if (!row_.empty()) text_ += row_ + "\n";
    for (const size_t index : noted_) note(index);
    row_.clear(), noted_.clear();
    column_ = 0;
  }

  void note(size_t index) {
    const std::string fixed = fmt::format("    {}  {:.1f} bits, rank {}", label(tokens_[index]),
                                          bits(-scored_.logprobs[index]), thousands(scored_.ranks[index]));
    std::string text = fixed;
    ScoredText::Surprise shown = *notes_.at(index);
    for (; !shown.top.empty(); shown.top.pop_back()) {
      text = fixed + "; rather " + alternatives(shown, tokenizer_);
      if (display_width(text) <= width_) break;
      text = fixed;
    }
    text_ += styled(true, "2", text) + "\n";
  }

  const std::vector<ScoredToken>& tokens_;
  const ScoredText& scored_;
  const Tokenizer* tokenizer_;
  const int width_;
  std::map<size_t, const ScoredText::Surprise*> notes_;
  std::string text_, row_;
  int column_ = 0;
  std::vector<size_t> noted_;  // tokens of this row
};

std::string legend() {
  std::string text = "bits of surprise: ";
  for (size_t i = 0; i < shades.size(); i++)
    text += styled(i > 0, shades[i].style, i == 0 ? " below 2 " : fmt::format(" {:.0f} ", shades[i].bits));
  return text;
}

}  // namespace

double bits(double nats) { return nats / std::log(2.0); }

std::string coloured_text(const std::vector<ScoredToken>& tokens, const ScoredText& scored, const Tokenizer* tokenizer,
                          int width) {
  return Page(tokens, scored, tokenizer, width).print() + "\n" + legend() + "\n";
}

std::string token_lines(const std::vector<ScoredToken>& tokens, const ScoredText& scored, const Tokenizer* tokenizer,
                        const Terminal& terminal) {
  std::map<size_t, const ScoredText::Surprise*> notes;
  for (const auto& surprise : scored.surprises) notes[surprise.index] = &surprise;
  int widest = 5;
  for (const ScoredToken& token : tokens) widest = std::max(widest, display_width(label(token)));
  std::string text = styled(terminal.color, "2", pad_right("token", widest) + "   logprob     bits      rank") + "\n";
  for (size_t i = 0; i < tokens.size(); i++) {
    std::string line = pad_right(label(tokens[i]), widest);
    if (std::isnan(scored.logprobs[i])) {
      line += "         -        -         -";
    } else {
      line += fmt::format("{:10.4f}{:9.2f}{:>10}", scored.logprobs[i], bits(-scored.logprobs[i]),
                          thousands(scored.ranks[i]));
    }
    if (const auto note = notes.find(i); note != notes.end() && !note->second->top.empty())
      line += "  rather " + alternatives(*note->second, tokenizer);
    text += line + "\n";
  }
  return text;
}

}  // namespace foretell::cli
