#include <algorithm>

#include "arch/open_model.h"
#include "foretell/foretell.h"
#include "generate/defaults.h"

namespace foretell {

struct TextGenerator::Parts {
  Parts(Model loaded_model, Tokenizer loaded_tokenizer, GenerationDefaults settings)
      : model(std::move(loaded_model)),
        tokenizer(std::move(loaded_tokenizer)),
        defaults(std::move(settings)),
        sequence(model) {}

  Model model;
  Tokenizer tokenizer;
  GenerationDefaults defaults;
  Sequence sequence;
  std::vector<TokenId> read;  // the tokens that the sequence begins with
};

TextGenerator TextGenerator::load(const std::filesystem::path& path, const LoadOptions& options) {
  const Checkpoint checkpoint = open_model(path, {.tensors = false});
  const auto folder = std::filesystem::is_directory(path) ? path : path.parent_path();
  Tokenizer tokenizer = checkpoint.tokenizer_json.empty() ? Tokenizer::load(folder)
                                                          : Tokenizer::from_json(checkpoint.tokenizer_json, path);
  return TextGenerator(
      std::make_unique<Parts>(Model::load(path, options), std::move(tokenizer), generation_defaults(checkpoint)));
}

TextGenerator::TextGenerator(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TextGenerator::TextGenerator(TextGenerator&&) noexcept = default;
TextGenerator& TextGenerator::operator=(TextGenerator&&) noexcept = default;
TextGenerator::~TextGenerator() = default;

Model& TextGenerator::model() { return parts_->model; }
const Tokenizer& TextGenerator::tokenizer() const { return parts_->tokenizer; }
const GenerationDefaults& TextGenerator::defaults() const { return parts_->defaults; }

GenerateOptions TextGenerator::options() const {
  GenerateOptions options;
  options.sampling = parts_->defaults.sampling;
  options.contrastive = parts_->defaults.contrastive;
  options.dola = parts_->defaults.dola;
  return options;
}

Generation TextGenerator::generate(std::string_view prompt, const OnText& on_text) {
  return generate(prompt, options(), on_text);
}

Generation TextGenerator::generate(std::string_view prompt, const GenerateOptions& options, const OnText& on_text) {
  Parts& p = *parts_;
  std::vector<TokenId> ids = prompt_ids(p.tokenizer, prompt);
  if (ids.empty()) ids = p.defaults.bos_ids;
  const auto common = std::mismatch(ids.begin(), ids.end(), p.read.begin(), p.read.end()).first - ids.begin();
  p.sequence.truncate(std::min<int64_t>(common, p.sequence.length()));
  p.read = ids;
  Generation generation = foretell::generate(p.model, &p.tokenizer, p.sequence, ids, options, on_text);
  p.read.insert(p.read.end(), generation.ids.begin(), generation.ids.end());
  p.read.resize(std::min(p.read.size(), static_cast<size_t>(p.sequence.length())));
  return generation;
}

}  // namespace foretell
