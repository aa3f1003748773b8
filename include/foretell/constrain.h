// Text of a given form: a regular expression, a grammar or a JSON schema says which tokens may come next.
//
//   foretell::Grammar grammar = foretell::Grammar::json_schema(R"({"type":"object","properties":{"age":{"type":
//   "integer"}},"required":["age"]})");
//   foretell::GenerateOptions options = generator.options();
//   foretell::Constraint constraint(grammar, generator.tokenizer(), options.sampling.end_ids);
//   options.constraint = &constraint;
//
// A token is allowed exactly where its bytes keep a whole text possible, and an end token where the text is whole.
// docs/constrained.md says what each notation knows.
//
// Threads: a Grammar is immutable and may be shared; a Constraint, with all texts that use it, belongs to one thread at
// a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foretell/error.h"
#include "foretell/tokenizer.h"

namespace foretell {

// The form of a text. All constructors throw Error for what is wrong, with the place, and for what is too large or not
// supported; nothing is ever ignored. `source` names the text in errors.
class Grammar {
 public:
  // The whole text matches.
  static Grammar regex(std::string_view regex);
  // GBNF as llama.cpp documents it; the text is `root`.
  static Grammar gbnf(std::string_view text, const std::string& source = {});
  // The JSON text, in one line, of a value that is valid by a JSON schema (draft 2020-12).
  static Grammar json_schema(std::string_view schema, const std::string& source = {});
  static Grammar json_object();  // of any object

  // Whether a text is a whole one. Throws Error where it can be read in too many ways.
  bool matches(std::string_view text) const;

  struct Parts;
  const Parts& parts() const { return *parts_; }

 private:
  explicit Grammar(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<const Parts> parts_;
};

// A grammar for the tokens of one vocabulary. It remembers what it finds out, so one object serves many texts well.
class Constraint {
 public:
  // The tokenizer must outlive it. `end_ids`: tokens that are allowed where the text may end. Throws Error where no
  // text of the grammar can be written in these tokens.
  Constraint(const Grammar& grammar, const Tokenizer& tokenizer, std::span<const TokenId> end_ids);
  Constraint(Constraint&&) noexcept;
  Constraint& operator=(Constraint&&) noexcept;
  ~Constraint();

  // Another grammar for the same tokens; quick, as the vocabulary is ready. Throws Error like the constructor.
  Constraint with_grammar(const Grammar& grammar) const;

  // The tokens of one way to write a whole text, about the shortest.
  int64_t shortest() const;

 private:
  friend class ConstrainedText;
  class Implementation;
  explicit Constraint(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

// One text as it is written.
class ConstrainedText {
 public:
  // The constraint must outlive it.
  explicit ConstrainedText(const Constraint& constraint);

  // The tokens that may come next where `left` more can be written, this one included: those after which the text can
  // still be completed with the rest. A bit for each id, 64 in a word, the lowest first. Not empty. Valid until the
  // next call. Where `left` is too small for that from the start on, the limit is not kept.
  std::span<const uint64_t> allowed(int64_t left);
  // Tokens that come next in any case; mostly none. They are the tokenizer's own for their text.
  std::span<const TokenId> forced(int64_t left);
  // Throws Error for a token that is not allowed. End tokens need not be told.
  void accept(TokenId id);

  bool complete() const;  // the text is a whole one
  bool finished() const;  // and nothing can follow

 private:
  void refresh() const;

  Constraint::Implementation* constraint_;
  mutable int32_t state_;
  mutable uint64_t epoch_;
  std::string bytes_;  // of the text so far
  std::vector<uint64_t> filtered_;
  std::vector<TokenId> forced_;
};

}  // namespace foretell
