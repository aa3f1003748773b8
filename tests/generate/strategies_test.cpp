// Contrastive search and DoLa: against transformers, and against their formulas done by hand.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "base/json.h"
#include "base/mapped_file.h"
#include "error_of.h"
#include "foretell/batch.h"
#include "generate/dola_predictor.h"
#include "generate/guided_predictor.h"

using namespace foretell;
using Ids = std::vector<TokenId>;

namespace {

const std::string golden = std::string(FORETELL_SOURCE_DIR) + "/tests/golden/";

Model load(const std::string& name, Precision precision = Precision::Exact) {
  return Model::load(golden + "arch/" + name, {.precision = precision, .threads = 2});
}

GenerateOptions greedy(int64_t tokens) {
  GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = tokens;
  return options;
}

GenerateOptions contrastive(double penalty_alpha, int64_t top_k, int64_t tokens) {
  GenerateOptions options = greedy(tokens);
  options.contrastive = {.penalty_alpha = penalty_alpha, .top_k = top_k};
  return options;
}

Ids write(Model& model, const Ids& prompt, const GenerateOptions& options) {
  Sequence sequence(model, 128);
  return generate(model, nullptr, sequence, prompt, options).ids;
}

GenerateOptions options_of(const Json& settings, int64_t tokens) {
  GenerateOptions options = greedy(tokens);
  options.sampling.repetition_penalty = settings.value("repetition_penalty", 1.0);
  options.sampling.no_repeat_ngram = settings.value("no_repeat_ngram_size", 0);
  if (settings.contains("penalty_alpha"))
    options.contrastive = {.penalty_alpha = settings["penalty_alpha"], .top_k = settings["top_k"]};
  if (const auto layers = settings.find("dola_layers"); layers != settings.end()) {
    using Part = DolaLayers::Part;
    options.dola = layers->is_array() ? DolaLayers{Part::Listed, layers->get<std::vector<int64_t>>()}
                                      : DolaLayers{*layers == "low" ? Part::Low : Part::High};
  }
  return options;
}

}  // namespace

TEST_CASE("contrastive search and DoLa write what transformers writes") {
  const std::string file = golden + "strategies/expected.json";
  std::optional<Model> model;
  std::string loaded;
  for (const Json& row : parse_json(read_text_file(file), file)) {
    const std::string name = row["model"];
    if (name != loaded) model.emplace(load(loaded = name));
    const Ids expected = row["ids"];
    INFO(name << " " << row["settings"].dump() << " " << row["prompt"].dump());
    CHECK(write(*model, row["prompt"], options_of(row["settings"], static_cast<int64_t>(expected.size()))) == expected);
  }
}

TEST_CASE("contrastive search with one candidate, or without a penalty, is greedy") {
  for (const std::string name : {"llama", "lfm2", "qwen3_next"}) {
    Model model = load(name);
    const Ids prompt = {3, 1, 4, 1, 5}, expected = write(model, prompt, greedy(12));
    CHECK(write(model, prompt, contrastive(0.6, 1, 12)) == expected);
    CHECK(write(model, prompt, contrastive(0, 6, 12)) == expected);
    CHECK(write(model, prompt, contrastive(0.6, 6, 12)) != expected);
  }
}

TEST_CASE("contrastive search gives the same text on any precision's own terms, however often it is asked") {
  // Models that carry a state along, too: candidates are read by copies, and nothing is taken back.
  for (const std::string name : {"lfm2", "qwen3_next", "gpt_oss", "deepseek_v3"}) {
    Model model = load(name, Precision::Fast), one = Model::load(golden + "arch/" + name, {.threads = 1});
    const Ids prompt = {9, 2, 6, 5, 3, 5};
    const Ids text = write(model, prompt, contrastive(0.5, 5, 10));
    CHECK(text.size() == 10);
    CHECK(write(one, prompt, contrastive(0.5, 5, 10)) == text);
    // The first tokens as a prompt: what follows is the same, for it depends on the text alone.
    Ids longer = prompt;
    longer.insert(longer.end(), text.begin(), text.begin() + 4);
    CHECK(write(model, longer, contrastive(0.5, 5, 6)) == Ids(text.begin() + 4, text.end()));
  }
}

TEST_CASE("contrastive search reads a text in batches as it reads it token by token") {
  Model model = load("llama");
  Ids text(270);
  for (size_t i = 0; i < text.size(); i++) text[i] = static_cast<TokenId>(i * i % 317);
  Sequence sequence(model, 300), again(model, 300);
  const Ids written = generate(model, nullptr, sequence, text, contrastive(0.7, 4, 8)).ids;
  text.insert(text.end(), written.begin(), written.begin() + 5);
  const Ids rest = generate(model, nullptr, again, text, contrastive(0.7, 4, 3)).ids;
  CHECK(rest == Ids(written.begin() + 5, written.end()));
  // What a sequence has read before makes no difference, and a full context ends the text.
  CHECK(generate(model, nullptr, again, text, contrastive(0.7, 4, 3)).ids == rest);
  const Generation full = generate(model, nullptr, sequence, text, contrastive(0.7, 4, 100));
  CHECK(full.finish_reason == FinishReason::Context);
  CHECK(text.size() + full.ids.size() == 300);
}

TEST_CASE("contrastive search may look at more candidates than a batch holds") {
  Model model = load("llama");
  const Ids prompt = {9, 2, 6};
  const Ids text = write(model, prompt, contrastive(0.9, 300, 2));
  REQUIRE(text.size() == 2);
  CHECK(write(model, {9, 2, 6, text[0]}, contrastive(0.9, 300, 1)) == Ids{text[1]});
}

TEST_CASE("contrastive search stops as other texts do, and says how likely its tokens were") {
  Model model = load("llama");
  const Ids prompt = {3, 1, 4, 1, 5};
  GenerateOptions options = contrastive(0.6, 4, 8);
  options.logprobs = 2;
  Sequence sequence(model);
  const Generation whole = generate(model, nullptr, sequence, prompt, options);
  REQUIRE(whole.ids.size() == 8);
  CHECK(whole.finish_reason == FinishReason::Length);
  REQUIRE(whole.logprobs.size() == 8);
  Sequence plain(model);
  const auto logits = model.next_logits(plain, prompt);
  CHECK(whole.logprobs[0].id == whole.ids[0]);
  CHECK(whole.logprobs[0].logprob ==
        Approx(logits[static_cast<size_t>(whole.ids[0])] - log_sum_exp(logits)).margin(1e-6));
  CHECK(whole.logprobs[0].top.size() == 2);

  options.sampling.end_ids = {whole.ids[3]};
  const Generation ended = generate(model, nullptr, sequence, prompt, options);
  CHECK(ended.finish_reason == FinishReason::Stop);
  CHECK(ended.ids == Ids(whole.ids.begin(), std::find(whole.ids.begin(), whole.ids.end(), whole.ids[3])));

  int asked = 0;
  options = contrastive(0.6, 4, 8);
  options.interrupted = [&asked] { return ++asked > 3; };
  const Generation interrupted = generate(model, nullptr, sequence, prompt, options);
  CHECK(interrupted.finish_reason == FinishReason::Interrupted);
  CHECK(interrupted.ids == Ids(whole.ids.begin(), whole.ids.begin() + std::ssize(interrupted.ids)));
  CHECK(interrupted.ids.size() < 8);

  // What is about the draw does nothing; what is not, does.
  options = contrastive(0.6, 4, 8);
  options.sampling.temperature = 3;
  options.sampling.top_p = 0.01;
  options.sampling.mirostat = 2;
  CHECK(generate(model, nullptr, sequence, prompt, options).ids == whole.ids);
  options.sampling.suppress = {whole.ids[0]};
  const Ids others = generate(model, nullptr, sequence, prompt, options).ids;
  CHECK(std::find(others.begin(), others.end(), whole.ids[0]) == others.end());
}

TEST_CASE("DoLa's layers are those of transformers") {
  using Part = DolaLayers::Part;
  const auto layers = [](Part part, int64_t count, bool tied) { return premature_layers({part}, count, tied); };
  using Layers = std::vector<int64_t>;
  CHECK(layers(Part::Low, 12, false) == Layers{0, 2, 4});
  CHECK(layers(Part::Low, 12, true) == Layers{2, 4});
  CHECK(layers(Part::High, 12, true) == Layers{6, 8, 10});
  CHECK(layers(Part::Low, 4, true) == Layers{2});
  CHECK(layers(Part::Low, 2, true) == Layers{1});
  CHECK(layers(Part::Low, 1, true) == Layers{0});
  CHECK(layers(Part::High, 3, false) == Layers{1});
  CHECK(layers(Part::Low, 48, true) == Layers{2, 4, 6, 8, 10, 12, 14, 16, 18});
  CHECK(layers(Part::High, 48, true) == Layers{28, 30, 32, 34, 36, 38, 40, 42, 44, 46});
  CHECK(premature_layers({Part::Listed, {5, 1, 12, 40}}, 12, false) == Layers{5, 1});
  CHECK_THAT(test::error_of([&] { layers(Part::Low, 3, true); }), Catch::Contains("none of these layers"));
  CHECK_THROWS_AS(premature_layers({Part::Listed, {12}}, 12, false), Error);
  CHECK_THROWS_AS(premature_layers({Part::Listed, {-1}}, 12, false), Error);
}

TEST_CASE("the layer that differs most is held against the last") {
  const std::vector<float> last = {2, 1, 0, -9};
  const std::vector<std::vector<float>> earlier = {{2, 1, 0, -8}, {-1, 0, 2, 0}, {1.5f, 1, 0.5f, -9}};
  const auto softmax = [](const std::vector<float>& logits) {
    std::vector<double> p;
    double sum = 0;
    for (const float l : logits) sum += std::exp(static_cast<double>(l));
    for (const float l : logits) p.push_back(std::exp(static_cast<double>(l)) / sum);
    return p;
  };
  const ShareOut one_by_one = [](int64_t count, const std::function<void(int64_t)>& work) {
    for (int64_t i = 0; i < count; i++) work(i);
  };
  std::vector<float> out(4);
  CHECK(contrast_layers(last, earlier, out, one_by_one) == 1);
  const auto p = softmax(last), q = softmax(earlier[1]);
  for (size_t i = 0; i < 2; i++) CHECK(out[i] == Approx(std::log(p[i]) - std::log(q[i])).margin(1e-6));
  // Less than a tenth as probable as the best: exp(-2) is more, exp(-11) is less.
  CHECK(out[2] == Approx(std::log(p[2]) - std::log(q[2])).margin(1e-6));
  CHECK(std::isinf(out[3]));
  CHECK(contrast_layers(last, std::span(earlier).first(1), out, one_by_one) == 0);
  CHECK(out[0] == Approx(out[1]).margin(1e-6));
}

TEST_CASE("DoLa reads a text in pieces as at once, and leaves the model as it was") {
  for (const std::string name : {"gpt2", "gemma2", "lfm2"}) {
    Model model = load(name, Precision::Fast);
    const DolaLayers high{DolaLayers::Part::High};
    const Ids ids = {3, 1, 4, 1, 5, 9, 2, 6};
    Sequence sequence(model), pieces(model), plain(model);
    const auto before = model.next_logits(plain, ids);
    const std::vector<float> expected(before.begin(), before.end());
    DolaPredictor dola(model, sequence, high), other(model, pieces, high);
    const auto read = [&ids](Predictor& predictor, size_t from, size_t count) {
      const auto logits = predictor.read(std::span(ids).subspan(from, count), {});
      return std::vector<float>(logits.begin(), logits.end());
    };
    const std::vector<float> at_once = read(dola, 0, 8);
    read(other, 0, 3);
    read(other, 3, 4);
    CHECK(read(other, 7, 1) == at_once);
    other.truncate(5);
    CHECK(read(other, 5, 3) == at_once);
    CHECK(other.length() == 8);
    CHECK(at_once != expected);
    plain.truncate(0);
    const auto after = model.next_logits(plain, ids);
    CHECK(std::equal(after.begin(), after.end(), expected.begin(), expected.end()));
  }
}

TEST_CASE("contrastive search and DoLa refuse what cannot be") {
  Model model = load("llama");
  const auto refusal = [&](const GenerateOptions& options, const Ids& prompt = {1, 2}) {
    return test::error_of([&] { write(model, prompt, options); });
  };
  CHECK_THAT(refusal(contrastive(1.5, 4, 1)), Catch::Contains("penalty_alpha"));
  CHECK_THAT(refusal(contrastive(std::nan(""), 4, 1)), Catch::Contains("penalty_alpha"));
  CHECK_THAT(refusal(contrastive(0.5, 0, 1)), Catch::Contains("top_k"));
  CHECK_THAT(refusal(contrastive(0.5, 4, 1), {}), Catch::Contains("no tokens"));
  CHECK_THAT(refusal(contrastive(0.5, 4, 1), {1, 1000}), Catch::Contains("vocabulary"));
  GenerateOptions both = contrastive(0.5, 4, 1);
  both.dola = DolaLayers{DolaLayers::Part::High};
  CHECK_THAT(refusal(both), Catch::Contains("do not go together"));
  both.contrastive.reset();
  Sequence sequence(model);
  ModelPredictor predictor(model, sequence);
  CHECK_THAT(test::error_of([&] { generate(predictor, nullptr, Ids{1}, both); }), Catch::Contains("DoLa needs"));
  Batch batch(model, nullptr);
  batch.add({.prompt = {1, 2}, .options = contrastive(0.5, 4, 1)});
  batch.run([](size_t, const BatchResult& result) {
    REQUIRE(result.error);
    CHECK_THAT(result.error->what(), Catch::Contains("one text at a time"));
  });
}
