#include "tokenizer/parts.h"

#include <algorithm>
#include <optional>

#include "base/thread_pool.h"

namespace foretell::tokenization {
namespace {

constexpr size_t most_marks = 256;  // after so many matches a part that never meets the whole is read anew

struct Part {
  SplitPart range;
  std::vector<TokenId> ids;
  struct Mark {
    size_t at, ids;  // a match ended there; so many ids came before
  };
  std::vector<Mark> marks;
  std::optional<size_t> end;  // where it ended, if it did not give up
};

void encode_part(const PreTokenizer& steps, const Model& model, Workspaces& workspaces, const Piece& piece,
                 Part& part) {
  const Workspaces::Loan workspace(workspaces, model);
  TokenSink sink(part.ids);
  part.ids.clear();
  part.marks.assign(1, {part.range.begin, 0});
  part.end = steps.split_part(
      piece, part.range, [&](const Piece& one) { model.tokenize(one, *workspace, sink); },
      [&](size_t at) {
        if (part.marks.size() < most_marks) part.marks.push_back({at, part.ids.size()});
      });
}

std::vector<Part> parts_of(std::string_view text, size_t part_bytes, size_t threads) {
  // Few, since in a text without matches each looks for one to its end.
  const size_t count = std::clamp<size_t>(text.size() / std::max<size_t>(part_bytes, 1), 1, 4 * threads);
  std::vector<Part> parts(count);
  for (size_t i = 0; i < count; i++) {
    size_t begin = text.size() / count * i;
    while (begin > 0 && is_continuation(text[begin])) begin--;
    parts[i].range = {.begin = begin, .end = text.size(), .gives_up = i > 0};
    if (i > 0) parts[i - 1].range.end = begin;
  }
  return parts;
}

}  // namespace

void encode_in_parts(const PreTokenizer& steps, const Model& model, Workspaces& workspaces, const Piece& piece,
                     size_t part_bytes, std::vector<TokenId>& ids) {
  ThreadPool pool(available_cpus());
  std::vector<Part> parts = parts_of(piece.text, part_bytes, static_cast<size_t>(pool.size()));
  const auto encode = [&](Part& part) { encode_part(steps, model, workspaces, piece, part); };
  pool.run([&](int thread) {
    pool.share_out(static_cast<int64_t>(parts.size()), thread,
                   [&](int64_t i) { encode(parts[static_cast<size_t>(i)]); });
  });
  size_t at = 0;
  for (Part& part : parts) {
    if (at >= part.range.end && part.range.end < piece.text.size()) continue;  // a piece of the whole spans all of it
    auto mark = std::find_if(part.marks.begin(), part.marks.end(), [&](const Part::Mark& m) { return m.at == at; });
    if (!part.end || mark == part.marks.end()) {
      part.range.begin = at;
      part.range.gives_up = false;
      encode(part);
      mark = part.marks.begin();
    }
    ids.insert(ids.end(), part.ids.begin() + static_cast<ptrdiff_t>(mark->ids), part.ids.end());
    at = *part.end;
  }
}

}  // namespace foretell::tokenization
