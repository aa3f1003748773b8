#include "tokenizer/post_processor.h"

#include "tokenizer/vocabulary.h"

namespace foretell::tokenization {
namespace {

// Templates can hold the text more than once, and sequences of them multiply.
constexpr size_t longest_template = 1000;

TokenId read_id(const JsonNode& node) { return static_cast<TokenId>(node.integer(0, largest_id)); }

// ["</s>", 2]
TokenId read_named_id(const JsonNode& node) {
  const auto items = node.items();
  if (items.size() != 2) node.fail("not a token", "a name and an id");
  items[0].string();
  return read_id(items[1]);
}

}  // namespace

PostProcessor::PostProcessor(const JsonNode& node) : template_(read(node)) {}

PostProcessor::Template PostProcessor::read(const JsonNode& node) {
  const JsonNode type = node.get("type");
  const std::string_view name = type.string();
  // Trims offsets only, and those here cover the whole text.
  if (name == "ByteLevel") return {std::nullopt};
  if (name == "RobertaProcessing" || name == "BertProcessing") {
    return {read_named_id(node.get("cls")), std::nullopt, read_named_id(node.get("sep"))};
  }
  if (name == "Sequence") {
    Template result{std::nullopt};
    for (const JsonNode& item : node.get("processors").items()) {
      // What stands around a text stands around the result of the steps before.
      Template outer;
      for (const auto& piece : read(item)) {
        if (piece) {
          outer.push_back(piece);
        } else {
          outer.insert(outer.end(), result.begin(), result.end());
        }
      }
      if (outer.size() > longest_template) node.fail("too many tokens around a text");
      result = std::move(outer);
    }
    return result;
  }
  if (name != "TemplateProcessing") type.fail("unknown post-processor", {}, "\"" + std::string(name) + "\"");
  const JsonNode special = node.get("special_tokens");
  Template result;
  for (const JsonNode& piece : node.get("single").items()) {
    if (const auto sequence = piece.find("Sequence")) {
      const JsonNode id = sequence->get("id");
      if (id.string() != "A")
        id.fail("the template for one text has another", "\"A\"", "\"" + std::string(id.string()) + "\"");
      result.push_back(std::nullopt);
    } else {
      const std::string_view token = piece.get("SpecialToken").get("id").string();
      for (const JsonNode& id : special.get(token).get("ids").items()) result.push_back(read_id(id));
    }
  }
  return result;
}

std::vector<TokenId> PostProcessor::process(std::vector<TokenId> ids) const {
  if (is_plain()) return ids;
  std::vector<TokenId> result;
  result.reserve(ids.size() + template_.size());
  for (const auto& piece : template_) {
    if (piece) {
      result.push_back(*piece);
    } else {
      result.insert(result.end(), ids.begin(), ids.end());
    }
  }
  return result;
}

std::vector<TokenSpan> PostProcessor::process(std::vector<TokenSpan> spans, size_t text_size) const {
  if (is_plain()) return spans;
  std::vector<TokenSpan> result;
  result.reserve(spans.size() + template_.size());
  size_t at = 0;
  for (const auto& piece : template_) {
    if (piece) {
      result.push_back({*piece, at, at});
    } else {
      result.insert(result.end(), spans.begin(), spans.end());
      at = text_size;
    }
  }
  return result;
}

}  // namespace foretell::tokenization
