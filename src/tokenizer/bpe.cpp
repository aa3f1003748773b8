#include "tokenizer/bpe.h"

#include <algorithm>
#include <functional>

#include "foretell/error.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/scored_merges.h"

namespace foretell::tokenization {
namespace {

// Up to here a scan over all pairs for each merge is faster than a heap.
constexpr size_t short_word = 48;

}  // namespace

struct Bpe::Workspace : WordWorkspace {
  std::vector<Merge> merges;          // [i]: what becomes of symbol i and its right neighbour
  std::vector<uint32_t> left, right;  // neighbours, while a long piece is merged
  std::vector<uint64_t> heap;         // rank and position of merges that are possible, least first
  std::string name;
};

Bpe::Bpe(Vocabulary vocabulary, MergeTable merges, BpeOptions options)
    : vocabulary_(std::move(vocabulary)), merges_(std::move(merges)), options_(std::move(options)) {
  all_bytes_ = options_.byte_level && options_.prefix.empty() && options_.suffix.empty();
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string character;
    append_utf8(character, character_of_byte(static_cast<unsigned char>(byte)));
    byte_ids_[byte] = vocabulary_.find(character).value_or(-1);
    byte_names_[byte] = vocabulary_.find(byte_name(static_cast<unsigned char>(byte))).value_or(-1);
    all_bytes_ = all_bytes_ && byte_ids_[byte] >= 0;
  }
  if (options_.has_unknown_token) unknown_ = vocabulary_.find(options_.unknown_token);
}

std::unique_ptr<ModelWorkspace> Bpe::make_workspace() const { return std::make_unique<Workspace>(); }

std::string Bpe::summary() const {
  return std::string(options_.byte_level ? "byte-level BPE, " : "BPE, ") + with_thousands(merges_.size()) + " merges";
}

void Bpe::encode(std::string_view text, WordWorkspace& workspace) const {
  auto& work = static_cast<Workspace&>(workspace);
  if (options_.byte_level && (options_.ignore_merges || !all_bytes_)) work.name = name_of_bytes(text);
  if (options_.ignore_merges) {
    if (const auto id = vocabulary_.find(options_.byte_level ? work.name : text)) {
      work.symbols.push_back({*id, static_cast<uint32_t>(text.size())});
      return;
    }
  }
  if (all_bytes_) {
    begin_with_bytes(text, work);
  } else if (options_.byte_level) {
    begin_with_characters(work.name, true, work);
  } else {
    begin_with_characters(text, false, work);
  }
  merge(work);
}

void Bpe::begin_with_bytes(std::string_view text, Workspace& work) const {
  work.symbols.resize(text.size());
  for (size_t i = 0; i < text.size(); ++i) work.symbols[i] = {byte_ids_[static_cast<unsigned char>(text[i])], 1};
}

// `spelled`: the text is in the byte alphabet, and each of its characters is one byte of the piece.
void Bpe::begin_with_characters(std::string_view text, bool spelled, Workspace& work) const {
  std::vector<Symbol>& symbols = work.symbols;
  std::optional<Symbol> unknown;  // one that may still grow
  const auto flush = [&] {
    if (unknown) symbols.push_back(*unknown);
    unknown.reset();
  };
  std::string decorated;
  for (size_t at = 0; at < text.size();) {
    if (const auto atom = options_.atoms.longest(text.substr(at)); atom.length > 0) {
      flush();
      symbols.push_back({atom.id, static_cast<uint32_t>(atom.length)});
      at += atom.length;
      continue;
    }
    const size_t size = character_length(text[at]);
    std::string_view character = text.substr(at, size);
    const bool prefixed = at > 0 && !options_.prefix.empty();
    const bool suffixed = at + size == text.size() && !options_.suffix.empty();
    if (prefixed || suffixed) {
      decorated = prefixed ? options_.prefix : "";
      decorated += character;
      if (suffixed) decorated += options_.suffix;
      character = decorated;
    }
    at += size;
    const auto length = static_cast<uint32_t>(spelled ? 1 : size);
    if (const auto id = vocabulary_.find(character)) {
      flush();
      symbols.push_back({*id, length});
      continue;
    }
    const auto byte_id = [&](char c) { return byte_names_[static_cast<unsigned char>(c)]; };
    if (options_.byte_fallback &&
        std::all_of(character.begin(), character.end(), [&](char c) { return byte_id(c) >= 0; })) {
      // The bytes of a prefix or a spelling stand for nothing in the piece.
      for (size_t i = 0; i < character.size(); ++i) symbols.push_back({byte_id(character[i]), i < length ? 1u : 0u});
      continue;
    }
    if (!options_.has_unknown_token) continue;
    if (!unknown_) {
      throw Error({.what = "the vocabulary lacks its own unknown token",
                   .where = "model.unk_token",
                   .found = "\"" + options_.unknown_token + "\""});
    }
    if (unknown && options_.fuse_unknown) {
      unknown->length += length;
    } else {
      flush();
      unknown = Symbol{*unknown_, length};
    }
  }
  flush();
}

void Bpe::merge(Workspace& work) const {
  if (work.symbols.size() < 2) return;
  work.merges.resize(work.symbols.size());
  for (size_t i = 0; i + 1 < work.symbols.size(); ++i) {
    work.merges[i] = merges_.find(work.symbols[i].id, work.symbols[i + 1].id);
  }
  work.merges.back() = {};
  work.symbols.size() <= short_word ? merge_short(work) : merge_long(work);
}

void Bpe::merge_short(Workspace& work) const {
  std::vector<Symbol>& symbols = work.symbols;
  std::vector<Merge>& merges = work.merges;
  for (;;) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < symbols.size(); ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == Merge::none) return;
    symbols[best] = {merges[best].id, symbols[best].length + symbols[best + 1].length};
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
    merges.erase(merges.begin() + static_cast<ptrdiff_t>(best));
    if (best + 1 < symbols.size()) merges[best] = merges_.find(symbols[best].id, symbols[best + 1].id);
    if (best > 0) merges[best - 1] = merges_.find(symbols[best - 1].id, symbols[best].id);
  }
}

void Bpe::merge_long(Workspace& work) const {
  constexpr uint32_t nowhere = UINT32_MAX;
  std::vector<Symbol>& symbols = work.symbols;
  std::vector<Merge>& merges = work.merges;
  const auto size = static_cast<uint32_t>(symbols.size());
  work.left.resize(size);
  work.right.resize(size);
  work.heap.clear();
  const auto entry = [&](uint32_t i) { return static_cast<uint64_t>(merges[i].rank) << 32 | i; };
  for (uint32_t i = 0; i < size; ++i) {
    work.left[i] = i == 0 ? nowhere : i - 1;
    work.right[i] = i + 1 == size ? nowhere : i + 1;
    if (merges[i].rank != Merge::none) work.heap.push_back(entry(i));
  }
  std::make_heap(work.heap.begin(), work.heap.end(), std::greater<>());
  const auto renew = [&](uint32_t i) {
    merges[i] = work.right[i] == nowhere ? Merge{} : merges_.find(symbols[i].id, symbols[work.right[i]].id);
    if (merges[i].rank == Merge::none) return;
    work.heap.push_back(entry(i));
    std::push_heap(work.heap.begin(), work.heap.end(), std::greater<>());
  };
  constexpr TokenId gone = -1;
  while (!work.heap.empty()) {
    const uint64_t top = work.heap.front();
    std::pop_heap(work.heap.begin(), work.heap.end(), std::greater<>());
    work.heap.pop_back();
    const auto i = static_cast<uint32_t>(top);
    if (symbols[i].id == gone || entry(i) != top) continue;  // one of the two has been merged since
    const uint32_t next = work.right[i];
    symbols[i] = {merges[i].id, symbols[i].length + symbols[next].length};
    symbols[next].id = gone;
    work.right[i] = work.right[next];
    if (work.right[i] != nowhere) work.left[work.right[i]] = i;
    renew(i);
    if (work.left[i] != nowhere) renew(work.left[i]);
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.id == gone; });
}

namespace {

// The pairs of "merges": ["a b", ..] in older files, [["a", "b"], ..] in newer ones.
class MergeReader {
 public:
  MergeReader(const JsonNode& node, const Vocabulary& vocabulary, const std::string& prefix)
      : node_(node), vocabulary_(vocabulary), prefix_(prefix) {}

  MergeTable read() {
    simdjson::dom::array array;
    if (node_.element().get(array) != simdjson::SUCCESS) node_.fail_type("an array");
    // size() ends at 2^24 - 1, and the table does not grow.
    size_t count = 0;
    for ([[maybe_unused]] const auto item : array) ++count;
    MergeTable table(count);
    size_t index = 0;
    for (const auto item : array) {
      Pair pair{.index = index++};
      if (!split(item, pair)) continue;
      block_.push_back(pair);
      if (block_.size() == block_size) add_block(table);
    }
    add_block(table);
    return table;
  }

 private:
  static constexpr size_t block_size = 64;
  struct Pair {
    size_t index = 0;
    std::string_view left = {}, right = {}, rest = {};  // `rest`: right without the prefix
    uint64_t left_hash = 0, right_hash = 0, both_hash = 0;
    TokenId left_id = -1, right_id = -1, id = -1;
  };

  JsonNode place(simdjson::dom::element item, size_t index) const {
    return {item, node_.place() + "[" + std::to_string(index) + "]", &node_.file()};
  }

  // False for a comment.
  bool split(simdjson::dom::element item, Pair& pair) const {
    std::string_view line;
    if (item.get(line) == simdjson::SUCCESS) {
      if (line.starts_with("#version")) return false;
      const size_t blank = line.find(' ');
      if (blank == std::string_view::npos || line.find(' ', blank + 1) != std::string_view::npos) {
        place(item, pair.index)
            .fail("not a merge", "two names with one blank between them", "\"" + std::string(line) + "\"");
      }
      pair.left = line.substr(0, blank);
      pair.right = line.substr(blank + 1);
      return true;
    }
    simdjson::dom::array names;
    if (item.get(names) != simdjson::SUCCESS) place(item, pair.index).fail_type("a string or an array");
    if (names.size() != 2) place(item, pair.index).fail("not a merge", "two names", std::to_string(names.size()));
    if (names.at(0).get(pair.left) != simdjson::SUCCESS || names.at(1).get(pair.right) != simdjson::SUCCESS) {
      place(item, pair.index).fail("not a merge", "two strings");
    }
    return true;
  }

  // Adds the pairs in block_. Every step is done for all of them before the next, so that memory is waited for once.
  void add_block(MergeTable& table) {
    for (Pair& pair : block_) {
      pair.rest = pair.right.substr(std::min(prefix_.size(), pair.right.size()));
      pair.left_hash = Vocabulary::hash(pair.left, {});
      pair.right_hash = Vocabulary::hash(pair.right, {});
      pair.both_hash = Vocabulary::hash(pair.left, pair.rest);
      for (uint64_t hash : {pair.left_hash, pair.right_hash, pair.both_hash}) vocabulary_.fetch_slot(hash);
    }
    for (const Pair& pair : block_) {
      for (uint64_t hash : {pair.left_hash, pair.right_hash, pair.both_hash}) vocabulary_.fetch_entry(hash);
    }
    for (const Pair& pair : block_) {
      for (uint64_t hash : {pair.left_hash, pair.right_hash, pair.both_hash}) vocabulary_.fetch_name(hash);
    }
    for (Pair& pair : block_) {
      pair.left_id = vocabulary_.find(pair.left_hash, pair.left, {}).value_or(-1);
      pair.right_id = vocabulary_.find(pair.right_hash, pair.right, {}).value_or(-1);
      pair.id = vocabulary_.find(pair.both_hash, pair.left, pair.rest).value_or(-1);
      if (pair.left_id < 0 || pair.right_id < 0 || pair.id < 0 || pair.right.size() < prefix_.size()) fail(pair);
      table.fetch(pair.left_id, pair.right_id);
    }
    for (const Pair& pair : block_) table.add(pair.left_id, pair.right_id, {rank_++, pair.id});
    block_.clear();
  }

  [[noreturn]] void fail(const Pair& pair) const {
    throw Error({.what = "a merge has a token that is not in the vocabulary",
                 .file = node_.file().string(),
                 .where = node_.place() + "[" + std::to_string(pair.index) + "]",
                 .found = "\"" + std::string(pair.left) + "\" \"" + std::string(pair.right) + "\""});
  }

  const JsonNode& node_;
  const Vocabulary& vocabulary_;
  const std::string& prefix_;
  std::vector<Pair> block_;
  uint32_t rank_ = 0;
};

}  // namespace

std::unique_ptr<Model> make_bpe(const JsonNode& node, bool byte_level) {
  BpeOptions options;
  if (const auto unknown = node.find("unk_token")) {
    options.unknown_token = unknown->string();
    options.has_unknown_token = true;
  }
  options.prefix = node.string("continuing_subword_prefix", "");
  options.suffix = node.string("end_of_word_suffix", "");
  options.fuse_unknown = node.boolean("fuse_unk", false);
  options.byte_fallback = node.boolean("byte_fallback", false);
  options.ignore_merges = node.boolean("ignore_merges", false);
  options.byte_level = byte_level;
  // Dropout is for training; the text that a model reads is cut without chance.
  if (const auto dropout = node.find("dropout"); dropout && !(dropout->number() >= 0 && dropout->number() <= 1)) {
    dropout->fail("number is out of range", "0 to 1");
  }
  Vocabulary vocabulary = read_vocabulary(node.get("vocab"));
  if (const auto atoms = node.find("atoms")) {
    for (const JsonNode& id : atoms->items()) {
      const auto atom = static_cast<TokenId>(id.integer(0, largest_id));
      if (!vocabulary.name(atom).empty()) options.atoms.add(vocabulary.name(atom), atom);
    }
  }
  const auto scores = node.find("scores");  // written for a tokenizer.model or ranks of tokens alone
  MergeTable merges = scores ? merges_of_scores(*scores, vocabulary)
                             : MergeReader(node.get("merges"), vocabulary, options.prefix).read();
  return std::make_unique<Bpe>(std::move(vocabulary), std::move(merges), std::move(options));
}

}  // namespace foretell::tokenization
