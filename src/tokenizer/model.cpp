#include "tokenizer/model.h"

#include <algorithm>
#include <array>

#include "tokenizer/bpe.h"
#include "tokenizer/unigram.h"
#include "tokenizer/word_vocabularies.h"

namespace foretell::tokenization {

namespace {

// Adds names some steps after it has heard of them, when the table's memory has come.
class DelayedNames {
 public:
  explicit DelayedNames(Vocabulary& vocabulary) : vocabulary_(vocabulary) {}
  void add(std::string_view name, TokenId id) {
    if (count_ >= delay) put(count_ - delay);
    const uint64_t hash = Vocabulary::hash(name, {});
    vocabulary_.fetch_slot(hash);
    waiting_[count_++ % delay] = {name, id, hash};
  }
  void finish() {
    const size_t left = std::min(count_, delay);
    for (size_t i = count_ - left; i < count_; i++) put(i);
  }

 private:
  static constexpr size_t delay = 32;
  struct Name {
    std::string_view name;
    TokenId id;
    uint64_t hash;
  };
  void put(size_t i) { vocabulary_.add(waiting_[i % delay].name, waiting_[i % delay].id, waiting_[i % delay].hash); }

  Vocabulary& vocabulary_;
  std::array<Name, delay> waiting_{};
  size_t count_ = 0;
};

}  // namespace

Vocabulary read_vocabulary(const JsonNode& node) {
  simdjson::dom::object object;
  if (node.element().get(object) != simdjson::SUCCESS) node.fail_type("an object");
  Vocabulary vocabulary;
  vocabulary.reserve(object.size(), object.size() * 8);
  DelayedNames names(vocabulary);
  for (const auto member : object) {
    int64_t id = 0;
    if (member.value.get(id) != simdjson::SUCCESS || id < 0 || id > largest_id) {
      // Said by the node, whose place is worth making only for an error.
      JsonNode(member.value, node.place() + "[\"" + std::string(member.key) + "\"]", &node.file())
          .integer(0, largest_id);
    }
    names.add(member.key, static_cast<TokenId>(id));
  }
  names.finish();
  return vocabulary;
}

std::string with_thousands(size_t number) {
  std::string digits = std::to_string(number);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::unique_ptr<Model> make_model(const JsonNode& node, bool byte_level) {
  const JsonNode type = node.get("type");
  const std::string_view name = type.string();
  if (name == "BPE") return make_bpe(node, byte_level);
  if (name == "Unigram") return make_unigram(node);
  if (name == "WordPiece") return make_word_piece(node);
  if (name == "WordLevel") return make_word_level(node);
  type.fail("unknown model", {}, "\"" + std::string(name) + "\"");
}

}  // namespace foretell::tokenization
