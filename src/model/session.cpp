#include "foretell/session.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "base/output_file.h"
#include "model/implementation.h"
#include "model/session_file.h"

namespace foretell {
namespace {

std::span<const std::byte> bytes_of(const auto* data, size_t count) { return std::as_bytes(std::span(data, count)); }

Error refused(const std::filesystem::path& file, const std::string& what, const std::string& expected,
              const std::string& found, const std::string& hint = {}) {
  return Error({.what = what, .file = file.string(), .expected = expected, .found = found, .hint = hint});
}

std::string name(Precision precision) {
  return precision == Precision::Fast ? "fast" : precision == Precision::High ? "high" : "exact";
}

std::string bits(uint32_t format) {
  return std::to_string(8 * kv_element_bytes(static_cast<KvCacheFormat>(format))) + " bits";
}

// A session belongs to the model that made it and to what decides its keys and values.
void check_belongs(Model& model, const SessionHeader& h, const std::filesystem::path& file) {
  Model::Implementation& m = model.implementation();
  const KvLayout& layout = m.forward_->kv_layout();
  const auto precision = static_cast<uint32_t>(m.precision_), format = static_cast<uint32_t>(layout.format());
  if (h.precision != precision)
    throw refused(file, "the session was made with another precision", name(m.precision_),
                  name(static_cast<Precision>(h.precision)), "--precision sets it");
  if (h.kv_format != format)
    throw refused(file, "the session's keys and values have another format", bits(format), bits(h.kv_format),
                  "--kv-bits sets it");
  if (h.model != m.fingerprint())
    throw refused(file, "the session was made with another model", "the same weights (with --quantize and adapters)",
                  "others");
  if (h.blocks !=
          static_cast<uint64_t>((static_cast<int64_t>(h.held) + kernels::chunk_keys - 1) / kernels::chunk_keys) ||
      h.block_bytes != static_cast<uint64_t>(layout.block_bytes()) ||
      h.state_floats != static_cast<uint64_t>(layout.state_size()))
    throw refused(file, "the session does not fit the model", "its keys and values", "others");
}

}  // namespace

uint64_t Model::Implementation::fingerprint() {
  if (fingerprint_ != 0) return fingerprint_;
  constexpr int64_t part = int64_t{1} << 20;
  const auto size = static_cast<int64_t>(weights_.arena.size());
  std::vector<uint64_t> hashes(static_cast<size_t>((size + part - 1) / part));
  for_blocks(pool_, static_cast<int64_t>(hashes.size()), [&](int64_t first, int64_t n) {
    for (int64_t i = first; i < first + n; i++)
      hashes[static_cast<size_t>(i)] =
          session_checksum(0, {weights_.arena.data() + i * part, static_cast<size_t>(std::min(part, size - i * part))});
  });
  uint64_t all = session_checksum(0, bytes_of(hashes.data(), hashes.size()));
  const std::string config = weights_.checkpoint->config.dump(-1, ' ', false, Json::error_handler_t::replace);
  all = session_checksum(all, bytes_of(config.data(), config.size()));
  // Norms, biases and embeddings, by what they do to a few tokens.
  TokenId tokens[4];
  for (int64_t i = 0; i < 4; i++) tokens[i] = static_cast<TokenId>((spec_.vocabulary - 1) * i / 3);
  KvCache cache(forward_->kv_layout(), std::min<int64_t>(4, spec_.context));
  const int64_t rows = cache.capacity();
  cache.reserve(0, rows);
  const Piece piece{.cache = &cache, .first_row = 0, .rows = rows, .start = 0, .length = rows};
  forward_->run({&piece, 1}, {tokens, static_cast<size_t>(rows)});
  const int64_t last = rows - 1;
  all = session_checksum(all, bytes_of(forward_->logits({&last, 1}), static_cast<size_t>(spec_.vocabulary)));
  fingerprint_ = std::max<uint64_t>(all, 1);
  return fingerprint_;
}

void save_session(Model& model, const Sequence& sequence, std::span<const TokenId> ids, uint64_t seed,
                  const std::filesystem::path& path) {
  Model::Implementation& m = model.implementation();
  const KvCache& cache = sequence.implementation().cache;
  const KvLayout& layout = cache.layout();
  SessionHeader h = new_session_header();
  h.precision = static_cast<uint32_t>(m.precision_);
  h.kv_format = static_cast<uint32_t>(layout.format());
  h.model = m.fingerprint();
  h.seed = seed;
  h.ids = ids.size();
  h.tokens = cache.tokens.size();
  h.held = static_cast<uint64_t>(cache.length);
  h.regime = cache.regime;
  h.blocks = static_cast<uint64_t>((cache.length + kernels::chunk_keys - 1) / kernels::chunk_keys);
  h.block_bytes = static_cast<uint64_t>(layout.block_bytes());
  h.state_floats = static_cast<uint64_t>(layout.state_size());
  std::vector<std::byte> blocks;
  OutputFile file(path);
  uint64_t checksum = 0;
  const auto write = [&](std::span<const std::byte> bytes) {
    file.write(bytes);
    checksum = session_checksum(checksum, bytes);
  };
  write(std::as_bytes(std::span(&h, 1)));
  write(std::as_bytes(ids));
  for (uint64_t i = 0; i < h.blocks; i++) {
    const std::byte* block = cache.block(static_cast<int64_t>(i));
    blocks.insert(blocks.end(), block, block + h.block_bytes);
  }
  write(blocks);
  write(bytes_of(h.state_floats > 0 ? cache.state(0) : nullptr, h.state_floats));
  file.write(std::as_bytes(std::span(&checksum, 1)));
  file.finish();
  file.commit();
}

Session load_session(Model& model, const std::filesystem::path& path, int64_t capacity) {
  const MappedFile file(path);
  SessionParts parts = parse_session(file.bytes(), path);
  const SessionHeader& h = parts.header;
  check_belongs(model, h, path);
  for (const TokenId id : parts.ids) {
    if (id < 0 || id >= model.vocabulary_size())
      throw refused(path, "the session has a token that the model has not",
                    "0 to " + std::to_string(model.vocabulary_size() - 1), std::to_string(id));
  }
  Sequence sequence(model, capacity);
  if (static_cast<int64_t>(h.ids) > sequence.capacity())
    throw refused(path, "the session is longer than the context",
                  "at most " + std::to_string(sequence.capacity()) + " tokens", std::to_string(h.ids),
                  "-c/--context sets a larger context, where the model has one");
  KvCache& cache = sequence.implementation().cache;
  cache.tokens.assign(parts.ids.begin(), parts.ids.begin() + static_cast<std::ptrdiff_t>(h.tokens));
  cache.length = static_cast<int64_t>(h.held);
  cache.regime = h.regime;
  cache.reserve(0, cache.length);
  for (uint64_t i = 0; i < h.blocks; i++)
    std::memcpy(cache.block(static_cast<int64_t>(i)), parts.blocks.data() + i * h.block_bytes, h.block_bytes);
  if (h.state_floats > 0) std::memcpy(cache.state(0), parts.state.data(), parts.state.size());
  return {.sequence = std::move(sequence), .ids = std::move(parts.ids), .seed = h.seed};
}

}  // namespace foretell
