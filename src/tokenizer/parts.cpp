#include "tokenizer/parts.h"

#include <algorithm>
#include <optional>

#include "base/thread_pool.h"

namespace foretell::tokenization {
namespace {

constexpr size_t most_marks = 256;  // after so many matches a part that never meets the whole is read anew

template <typename Token>
struct Part {
  SplitPart range;
  std::vector<Token> tokens;
  struct Mark {
    size_t at, tokens;  // a match ended there; so many tokens came before
  };
  std::vector<Mark> marks;
  std::optional<size_t> end;  // where it ended, if it did not give up
};

template <typename Token>
void encode_part(const PreTokenizer& steps, const Model& model, Workspaces& workspaces, const Piece& piece,
                 Part<Token>& part) {
  const Workspaces::Loan workspace(workspaces, model);
  TokenSink sink(part.tokens);
  part.tokens.clear();
  part.marks.assign(1, {part.range.begin, 0});
  part.end = steps.split_part(
      piece, part.range, std::is_same_v<Token, TokenSpan>,
      [&](const Piece& one) { model.tokenize(one, *workspace, sink); },
      [&](size_t at) {
        if (part.marks.size() < most_marks) part.marks.push_back({at, part.tokens.size()});
      });
}

template <typename Token>
std::vector<Part<Token>> parts_of(std::string_view text, size_t part_bytes, size_t threads) {
  // Few, since in a text without matches each looks for one to its end.
  const size_t count = std::clamp<size_t>(text.size() / std::max<size_t>(part_bytes, 1), 1, 4 * threads);
  std::vector<Part<Token>> parts(count);
  for (size_t i = 0; i < count; i++) {
    size_t begin = text.size() / count * i;
    while (begin > 0 && is_continuation(text[begin])) begin--;
    parts[i].range = {.begin = begin, .end = text.size(), .gives_up = i > 0};
    if (i > 0) parts[i - 1].range.end = begin;
  }
  return parts;
}

}  // namespace

template <typename Token>
void encode_in_parts(const PreTokenizer& steps, const Model& model, Workspaces& workspaces, const Piece& piece,
                     size_t part_bytes, std::vector<Token>& tokens) {
  ThreadPool pool(available_cpus());
  std::vector<Part<Token>> parts = parts_of<Token>(piece.text, part_bytes, static_cast<size_t>(pool.size()));
  const auto encode = [&](Part<Token>& part) { encode_part(steps, model, workspaces, piece, part); };
  pool.run([&](int thread) {
    pool.share_out(static_cast<int64_t>(parts.size()), thread,
                   [&](int64_t i) { encode(parts[static_cast<size_t>(i)]); });
  });
  size_t at = 0;
  for (Part<Token>& part : parts) {
    if (at >= part.range.end && part.range.end < piece.text.size()) continue;  // a piece of the whole spans all of it
    auto mark = std::find_if(part.marks.begin(), part.marks.end(), [&](const auto& m) { return m.at == at; });
    if (!part.end || mark == part.marks.end()) {
      part.range.begin = at;
      part.range.gives_up = false;
      encode(part);
      mark = part.marks.begin();
    }
    tokens.insert(tokens.end(), part.tokens.begin() + static_cast<ptrdiff_t>(mark->tokens), part.tokens.end());
    at = *part.end;
  }
}

template void encode_in_parts(const PreTokenizer&, const Model&, Workspaces&, const Piece&, size_t,
                              std::vector<TokenId>&);
template void encode_in_parts(const PreTokenizer&, const Model&, Workspaces&, const Piece&, size_t,
                              std::vector<TokenSpan>&);

}  // namespace foretell::tokenization
