// A text that goes on from a file is the one that was never broken off; other files are refused.
#include "foretell/session.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "error_of.h"
#include "foretell/generate.h"
#include "temp_folder.h"

using namespace foretell;
using Ids = std::vector<TokenId>;
using foretell::test::error_of;

namespace {

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/arch";

Ids some_prompt(size_t length) {
  Ids ids;
  for (size_t i = 0; i < length; i++) ids.push_back(static_cast<TokenId>((i * i + 5) % 300));
  return ids;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::vector<float> logits(Model& model, Sequence& sequence, const Ids& ids) {
  const auto l = model.next_logits(sequence, ids);
  return {l.begin(), l.end()};
}

}  // namespace

TEST_CASE("a session goes on as the unbroken text") {
  const TempFolder folder;
  const std::filesystem::path file = folder.path() / "text.session";
  for (const auto& [name, load] :
       std::vector<std::pair<std::string, LoadOptions>>{{"llama", {}},
                                                        {"llama", {.quantize_bits = 4}},
                                                        {"gemma3", {.precision = Precision::High, .quantize_bits = 8}},
                                                        {"deepseek_v3", {}},
                                                        {"lfm2", {.quantize_bits = 8}},
                                                        {"qwen3_next", {}}}) {
    CAPTURE(name, load.quantize_bits);
    Model model = Model::load(golden / name, load);
    const Ids prompt = some_prompt(290), more = {7, 8, 9};
    Sequence unbroken(model, 400);
    logits(model, unbroken, prompt);
    Ids ids = prompt;
    ids.push_back(11);  // chosen, and not read yet
    save_session(model, unbroken, ids, 42, file);
    Session session = load_session(model, file, 350);
    CHECK(session.ids == ids);
    CHECK(session.seed == 42);
    CHECK(session.sequence.length() == 290);
    CHECK(session.sequence.capacity() == 350);
    CHECK(logits(model, session.sequence, more) == logits(model, unbroken, more));
    // Another instruction set and number of threads.
    LoadOptions other = load;
    other.threads = 2;
    other.isa = "portable";
    Model elsewhere = Model::load(golden / name, other);
    Session again = load_session(elsewhere, file, 400);
    CHECK(logits(elsewhere, again.sequence, {7, 8, 9, 4}) == logits(model, session.sequence, {4}));
  }
}

TEST_CASE("a session of another model or with other settings is refused") {
  const TempFolder folder;
  const std::filesystem::path file = folder.path() / "text.session";
  Model model = Model::load(golden / "llama", {.quantize_bits = 8});
  Sequence sequence(model, 100);
  logits(model, sequence, some_prompt(60));
  save_session(model, sequence, sequence.tokens(), 1, file);
  const auto refusal = [&](const std::string& name, const LoadOptions& load, int64_t capacity = 100) {
    Model other = Model::load(golden / name, load);
    return error_of([&] { load_session(other, file, capacity); });
  };
  CHECK_THAT(refusal("gemma3", {.quantize_bits = 8}), Catch::Contains("another model"));
  CHECK_THAT(refusal("llama", {.kv_cache = KvCacheFormat::Int8}), Catch::Contains("another model"));
  CHECK_THAT(refusal("llama", {.kv_cache = KvCacheFormat::Float16, .quantize_bits = 8}),
             Catch::Contains("expected 16 bits, found 8 bits"));
  CHECK_THAT(refusal("llama", {.precision = Precision::High, .kv_cache = KvCacheFormat::Int8, .quantize_bits = 8}),
             Catch::Contains("expected high, found fast"));
  CHECK_THAT(refusal("llama", {.quantize_bits = 8}, 59), Catch::Contains("expected at most 59 tokens, found 60"));
  CHECK_THAT(refusal("llama", {.quantize_bits = 8}), Catch::Equals(""));
}

TEST_CASE("a damaged session is refused") {
  const TempFolder folder;
  const std::filesystem::path file = folder.path() / "text.session", broken = folder.path() / "broken.session";
  Model model = Model::load(golden / "lfm2", {});
  Sequence sequence(model, 100);
  logits(model, sequence, some_prompt(5));
  save_session(model, sequence, sequence.tokens(), 1, file);
  const std::string whole = bytes_of(file);
  const auto refusal = [&](const std::string& bytes) {
    write(broken, bytes);
    return error_of([&] { load_session(model, broken, 100); });
  };
  CHECK(refusal(whole).empty());
  for (size_t at = 0; at < whole.size(); at += at < 200 ? 1 : 997) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 16);
    CAPTURE(at);
    CHECK_THAT(refusal(bytes), Catch::Contains(broken.string()));
  }
  for (const size_t size : {size_t{0}, size_t{10}, size_t{16}, size_t{100}, whole.size() - 1})
    CHECK_THAT(refusal(whole.substr(0, size)), Catch::Contains(broken.string()));
  CHECK_THAT(refusal(whole + "x"), Catch::Contains("damaged"));
  CHECK_THAT(refusal("some text that is no session at all"), Catch::Contains("no session"));
}
