#include "cli/generation_view.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "cli/token_text.h"

namespace foretell::cli {

using Json = nlohmann::ordered_json;

Json generation_json(const std::vector<TokenId>& prompt_ids, const Generation& g, double load_s) {
  Json json = {{"prompt_ids", prompt_ids},
               {"ids", g.ids},
               {"text", g.text},
               {"finish_reason", name(g.finish_reason)},
               {"seed", g.seed},
               {"timing",
                {{"load_s", load_s},
                 {"prefill_s", g.timing.prefill_s},
                 {"prefill_tokens", g.timing.prefill_tokens},
                 {"decode_s", g.timing.decode_s},
                 {"decode_tokens", g.timing.decode_tokens},
                 {"drafted_tokens", g.drafted_tokens},
                 {"accepted_tokens", g.accepted_tokens}}}};
  if (g.out_of_time) json["out_of_time"] = true;
  return json;
}

std::string tokens_in(int64_t tokens, double seconds) {
  return fmt::format("{} tokens in {:.3f} s ({:.1f} tokens/s)", tokens, seconds,
                     seconds > 0 ? static_cast<double>(tokens) / seconds : 0);
}

Json GenerationView::document(const std::vector<TokenId>& prompt_ids, const std::string& echoed,
                              const Generation& g) const {
  Json json = generation_json(prompt_ids, g, load_s);
  json["text"] = echoed + g.text;
  if (with_logprobs_) json["logprobs"] = logprobs(g);
  return json;
}

Json GenerationView::logprobs(const Generation& g) const {
  const auto entry = [this](const TokenLogprob& t) {
    Json json = {{"id", t.id}};
    add_token(json, source_.tokenizer(), t.id);
    json["logprob"] = t.logprob;
    return json;
  };
  Json list = Json::array();
  for (const ChosenLogprob& chosen : g.logprobs) {
    list.push_back(entry(chosen));
    list.back()["top"] = Json::array();
    for (const TokenLogprob& other : chosen.top) list.back()["top"].push_back(entry(other));
  }
  return list;
}

void GenerationView::print_logprobs(const Generation& g) {
  constexpr int width = 20;
  const auto cell = [this](const TokenLogprob& t) {
    const Tokenizer* tokenizer = source_.tokenizer();
    const std::string text = tokenizer ? shown_token(tokenizer->token_bytes(t.id), width) : std::to_string(t.id);
    char number[32];
    std::snprintf(number, sizeof number, "%9.4f", t.logprob);
    return pad_right(text, width) + number;
  };
  context_.out.write("\n");
  for (const ChosenLogprob& chosen : g.logprobs) {
    std::string line = cell(chosen);
    for (const TokenLogprob& other : chosen.top) line += "   " + cell(other);
    context_.out.write(line + "\n");
  }
}

void GenerationView::report(const Generation& g, bool stats) const {
  spdlog::debug("seed {}, finish reason {}", g.seed, g.out_of_time ? "out of time" : name(g.finish_reason));
  if (!stats) return;
  const GenerateTiming& t = g.timing;
  spdlog::info("loading {:.3f} s; prompt {}; text {}", load_s, tokens_in(t.prefill_tokens, t.prefill_s),
               tokens_in(t.decode_tokens, t.decode_s));
  if (g.drafted_tokens > 0)
    spdlog::info("{} of {} drafted tokens were right ({:.0f} %)", g.accepted_tokens, g.drafted_tokens,
                 100 * static_cast<double>(g.accepted_tokens) / static_cast<double>(g.drafted_tokens));
}

}  // namespace foretell::cli
