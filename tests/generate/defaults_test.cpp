#include "generate/defaults.h"
#include "error_of.h"

#include <catch2/catch.hpp>

using namespace foretell;

namespace {

GenerationDefaults read(const char* generation_config, const char* config = "{}") {
  return generation_defaults(Json::parse(generation_config), Json::parse(config));
}

std::string refusal(const char* generation_config) {
  try {
    read(generation_config);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("where a publisher recommends nothing, foretell's own defaults hold") {
  for (const char* text :
       {"null", "{}", R"({"_from_model_config":true,"eos_token_id":2,"transformers_version":"4.42"})"}) {
    const GenerationDefaults d = read(text);
    CHECK(d.sampling.temperature == 0.8);
    CHECK(d.sampling.top_k == 40);
    CHECK(d.sampling.top_p == 0.95);
    CHECK(d.sampling.min_p == 0.05);
    CHECK(d.if_asked.temperature == 1);
    CHECK(d.if_asked.top_k == 0);
    CHECK(d.if_asked.top_p == 1);
    CHECK(d.notes.empty());
  }
}

TEST_CASE("recommended values hold, with transformers' for those that are absent") {
  const GenerationDefaults d = read(
      R"({"do_sample":true,"temperature":0.6,"top_p":0.9,"repetition_penalty":1.05,"eos_token_id":[7,8],"bos_token_id":1})");
  CHECK(d.sampling.temperature == 0.6);
  CHECK(d.sampling.top_k == 50);
  CHECK(d.sampling.top_p == 0.9);
  CHECK(d.sampling.min_p == 0);
  CHECK(d.sampling.repetition_penalty == 1.05);
  CHECK(d.if_asked.temperature == 0.6);
  CHECK(d.sampling.end_ids == std::vector<TokenId>{7, 8});
  CHECK(d.bos_ids == std::vector<TokenId>{1});
  CHECK(read(R"({"top_k":20})").sampling.top_k == 20);
  CHECK(read(R"({"top_k":20})").sampling.temperature == 1);
  CHECK(read(R"({"do_sample":true,"top_k":null})").sampling.top_k == 50);
}

TEST_CASE("do_sample false is greedy, and penalties hold all the same") {
  const GenerationDefaults d = read(R"({"do_sample":false,"temperature":0.6,"repetition_penalty":1.2})");
  CHECK(d.sampling.temperature == 0);
  CHECK(d.sampling.repetition_penalty == 1.2);
  CHECK(d.if_asked.temperature == 1);
  REQUIRE(d.notes.size() == 2);
  CHECK_THAT(d.notes[0], Catch::Contains("temperature is ignored"));
}

TEST_CASE("end tokens come from generation_config.json, else from config.json") {
  CHECK(read("null", R"({"eos_token_id":5})").sampling.end_ids == std::vector<TokenId>{5});
  CHECK(read(R"({"eos_token_id":[6]})", R"({"eos_token_id":5})").sampling.end_ids == std::vector<TokenId>{6});
  CHECK(read(R"({"eos_token_id":null})", R"({"text_config":{"eos_token_id":5}})").sampling.end_ids ==
        std::vector<TokenId>{5});
  CHECK(read("null").sampling.end_ids.empty());
}

TEST_CASE("beam search: settings of generation_config.json") {
  const BeamOptions beams =
      read(R"({"length_penalty":-0.5,"early_stopping":true,"num_beam_groups":3,"diversity_penalty":1})").beams;
  CHECK(beams.length_penalty == -0.5);
  CHECK(beams.early_stopping == EarlyStopping::Yes);
  CHECK(beams.groups == 3);
  CHECK(beams.diversity_penalty == 1);
  CHECK(read(R"({"early_stopping":"never"})").beams.early_stopping == EarlyStopping::Never);
  CHECK(read(R"({"early_stopping":false})").beams.early_stopping == EarlyStopping::No);
  for (const char* wrong : {R"({"length_penalty":"x"})", R"({"early_stopping":"soon"})", R"({"num_beam_groups":0})",
                            R"({"diversity_penalty":-1})"})
    CHECK_FALSE(foretell::test::error_of([&] { read(wrong); }).empty());
}

TEST_CASE("settings that cannot be used are named") {
  CHECK_THAT(refusal(R"({"do_sample":true,"top_p":1.5})"), Catch::Contains("top_p") && Catch::Contains("1.5"));
  CHECK_THAT(refusal(R"({"temperature":"hot"})"), Catch::Contains("temperature") && Catch::Contains("hot"));
  CHECK_THAT(refusal(R"({"top_k":2.5})"), Catch::Contains("top_k"));
  CHECK_THAT(refusal(R"({"do_sample":1})"), Catch::Contains("do_sample"));
  CHECK_THAT(refusal(R"({"eos_token_id":"</s>"})"), Catch::Contains("eos_token_id"));
  CHECK_THAT(refusal(R"({"eos_token_id":[1,-2]})"), Catch::Contains("eos_token_id"));
  CHECK_THAT(refusal(R"({"sequence_bias":[[[],1]]})"), Catch::Contains("sequence_bias"));
  CHECK(read(R"({"num_beams":4,"suppress_tokens":[3]})").notes ==
        std::vector<std::string>{"generation_config.json: num_beams is left to --beams"});
  CHECK(read(R"({"suppress_tokens":[3]})").sampling.suppress == std::vector<TokenId>{3});
}

TEST_CASE("contrastive search and DoLa are recommended where transformers would do them") {
  const GenerationDefaults d = read(R"({"penalty_alpha":0.6,"top_k":4,"do_sample":false})");
  REQUIRE(d.contrastive);
  CHECK(d.contrastive->penalty_alpha == 0.6);
  CHECK(d.contrastive->top_k == 4);
  CHECK(d.notes.empty());
  CHECK(read(R"({"penalty_alpha":0.6})").contrastive->top_k == 50);
  CHECK(!read(R"({"penalty_alpha":0})").contrastive);
  CHECK(!read(R"({"penalty_alpha":null})").contrastive);
  CHECK(!read(R"({"penalty_alpha":0.6,"top_k":1})").contrastive);
  CHECK(!read(R"({"penalty_alpha":0.6,"top_k":null})").contrastive);
  CHECK(!read(R"({"penalty_alpha":0.6,"num_beams":3})").contrastive);
  const GenerationDefaults drawn = read(R"({"penalty_alpha":0.6,"top_k":4,"do_sample":true})");
  CHECK(!drawn.contrastive);
  CHECK(drawn.sampling.top_k == 4);
  CHECK(drawn.notes ==
        std::vector<std::string>{"generation_config.json: penalty_alpha is ignored, as do_sample is true"});
  CHECK_THAT(refusal(R"({"penalty_alpha":"much"})"), Catch::Contains("penalty_alpha") && Catch::Contains("much"));
  CHECK_THAT(refusal(R"({"penalty_alpha":1.5})"), Catch::Contains("penalty_alpha"));

  using Part = DolaLayers::Part;
  CHECK(read(R"({"dola_layers":"low"})").dola->part == Part::Low);
  CHECK(read(R"({"dola_layers":"high","do_sample":true})").dola->part == Part::High);
  CHECK(read(R"({"dola_layers":[0,2]})").dola->listed == std::vector<int64_t>{0, 2});
  CHECK(!read("{}").dola);
  CHECK_THAT(refusal(R"({"dola_layers":"middle"})"), Catch::Contains("dola_layers") && Catch::Contains("middle"));
  CHECK_THAT(refusal(R"({"dola_layers":[-1]})"), Catch::Contains("dola_layers"));
  CHECK_THAT(refusal(R"({"dola_layers":[]})"), Catch::Contains("dola_layers"));
  CHECK_THAT(refusal(R"({"dola_layers":"low","penalty_alpha":0.6})"), Catch::Contains("do not go together"));
}

TEST_CASE("token_healing is read") {
  CHECK_FALSE(read("{}").token_healing);
  CHECK(read(R"({"token_healing":true})").token_healing);
  CHECK_FALSE(read(R"({"token_healing":false})").token_healing);
  CHECK(read(R"({"token_healing":true})").notes.empty());
  CHECK(refusal(R"({"token_healing":"yes"})").find("expected true or false, found \"yes\"") != std::string::npos);
}
