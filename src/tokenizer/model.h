// tokenizer.json's "model": a piece of text to ids.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizer/json_node.h"
#include "tokenizer/text.h"
#include "tokenizer/vocabulary.h"

namespace foretell::tokenization {

// Takes the tokens of a text: ids, or with where they lie in the input.
class TokenSink {
 public:
  explicit TokenSink(std::vector<TokenId>& ids) : ids_(&ids) {}
  explicit TokenSink(std::vector<TokenSpan>& spans) : spans_(&spans) {}

  // The token stands for the bytes [begin, end) of the piece.
  void add(TokenId id, const Piece& piece, size_t begin, size_t end) {
    if (ids_) return ids_->push_back(id);
    const Origin origin = piece.origin(begin, end);
    spans_->push_back({id, origin.start, origin.end});
  }

 private:
  std::vector<TokenId>* ids_ = nullptr;
  std::vector<TokenSpan>* spans_ = nullptr;
};

// What a model writes to while it works, kept from piece to piece and from text to text.
class ModelWorkspace {
 public:
  virtual ~ModelWorkspace() = default;
};

class Model {
 public:
  virtual ~Model() = default;
  virtual std::unique_ptr<ModelWorkspace> make_workspace() const = 0;
  // `piece` is not empty; `workspace` is one of this model's, and used by one thread at a time. Throws Error where the
  // text needs an unknown token that the vocabulary lacks.
  virtual void tokenize(const Piece& piece, ModelWorkspace& workspace, TokenSink& sink) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
  virtual std::string summary() const = 0;  // "byte-level BPE, 48,900 merges"
};

// `byte_level`: pieces are bytes, and the names of the vocabulary spell them in the byte alphabet. Throws Error.
std::unique_ptr<Model> make_model(const JsonNode& node, bool byte_level);

// Reads {"name": id, ..}. Throws Error.
Vocabulary read_vocabulary(const JsonNode& node);
// 49152 -> "49,152"
std::string with_thousands(size_t number);

}  // namespace foretell::tokenization
