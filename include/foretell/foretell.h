// Everything: load a model, give it a prompt, read on.
//
//   #include <foretell/foretell.h>
//   #include <iostream>
//
//   int main() {
//     foretell::TextGenerator generator = foretell::TextGenerator::load("models/smollm2-135m-instruct");
//     generator.generate("Once upon a time", [](std::string_view text) { std::cout << text << std::flush; });
//   }
//
// Every failure is a foretell::Error (error.h), whose what() is one line that names file, place, expected and found.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "foretell/batch.h"
#include "foretell/constrain.h"
#include "foretell/error.h"
#include "foretell/generation_defaults.h"
#include "foretell/healing.h"
#include "foretell/model.h"
#include "foretell/sampling.h"
#include "foretell/tokenizer.h"

namespace foretell {

// A model with its tokenizer and its publisher's settings. Threads: one at a time.
class TextGenerator {
 public:
  // A folder or file as Model::load takes it; a tokenizer has to be there.
  static TextGenerator load(const std::filesystem::path& path, const LoadOptions& options = {});
  TextGenerator(TextGenerator&&) noexcept;
  TextGenerator& operator=(TextGenerator&&) noexcept;
  ~TextGenerator();

  Model& model();
  const Tokenizer& tokenizer() const;
  const GenerationDefaults& defaults() const;
  // What generate() uses where nothing else is given: the publisher's settings, and 512 tokens at most.
  GenerateOptions options() const;

  // The text that goes on from the prompt, given out as it is made. The prompt's special tokens are recognized and
  // those of the tokenizer added. What the prompt has in common with the text before it is not read again.
  Generation generate(std::string_view prompt, const OnText& on_text = {});
  Generation generate(std::string_view prompt, const GenerateOptions& options, const OnText& on_text = {});

 private:
  struct Parts;
  explicit TextGenerator(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace foretell
