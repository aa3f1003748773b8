#include <catch2/catch.hpp>

#include "foretell/generate.h"

using namespace foretell;
using Ids = std::vector<TokenId>;

TEST_CASE("special tokens that the text has already are not added again") {
  const Tokenizer tokenizer = Tokenizer::from_json(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [
      {"id": 2, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
      {"id": 3, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": "</s>", "type_id": 0}}],
      "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [2], "tokens": ["<s>"]},
                         "</s>": {"id": "</s>", "ids": [3], "tokens": ["</s>"]}}},
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
              "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
              "vocab": {"a": 0, "b": 1}, "merges": []}})",
                                                   "test");
  CHECK(prompt_ids(tokenizer, "ab") == Ids{2, 0, 1, 3});
  CHECK(prompt_ids(tokenizer, "<s>ab") == Ids{2, 0, 1, 3});
  CHECK(prompt_ids(tokenizer, "ab</s>") == Ids{2, 0, 1, 3});
  CHECK(prompt_ids(tokenizer, "<s><s>a") == Ids{2, 2, 0, 3});  // what was written is kept
  CHECK(prompt_ids(tokenizer, "a<s>b") == Ids{2, 0, 2, 1, 3});
  CHECK(prompt_ids(tokenizer, "") == Ids{2, 3});
  CHECK(prompt_ids(tokenizer, "<s>ab", false) == Ids{2, 0, 1});
  CHECK(prompt_ids(tokenizer, "ab", false) == Ids{0, 1});
}
