// A text that was read, kept in a file with its keys and values: a run that takes it up goes on bit by bit as if it had
// never ended.
//
//   foretell::save_session(model, sequence, ids, seed, "story.session");
//   foretell::Session session = foretell::load_session(model, "story.session");
//
// The file belongs to the model, the precision and the format of keys and values that made it; threads and instruction
// sets do not matter. docs/batch-and-sessions.md has its layout.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "foretell/model.h"

namespace foretell {

struct Session {
  Sequence sequence;
  std::vector<TokenId> ids;  // the text: what the sequence has read, and what is still to be read
  uint64_t seed = 0;         // that the text was drawn with
};

// `ids` begin with what the sequence has read. The file appears whole or not at all. Throws Error where it cannot be
// written.
void save_session(Model& model, const Sequence& sequence, std::span<const TokenId> ids, uint64_t seed,
                  const std::filesystem::path& path);

// `capacity` as Sequence's. Throws Error for what is no session, for a damaged one, for one of another model or other
// settings, and for one that is longer than the capacity.
Session load_session(Model& model, const std::filesystem::path& path, int64_t capacity = 0);

}  // namespace foretell
