// Nothing is allocated for a token: what is needed is there after the first ones.
#ifndef FORETELL_SANITIZED  // the sanitizers have operators of their own

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "foretell/batch.h"
#include "foretell/generate.h"

namespace {

std::atomic<int64_t> allocations{0};

void* allocate(std::size_t size, std::size_t alignment) {
  allocations++;
  size = (std::max<std::size_t>(size, 1) + alignment - 1) / alignment * alignment;
  void* const memory = alignment <= alignof(std::max_align_t) ? std::malloc(size) : std::aligned_alloc(alignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t to) { return allocate(size, static_cast<std::size_t>(to)); }
void* operator new[](std::size_t size, std::align_val_t to) { return allocate(size, static_cast<std::size_t>(to)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

using namespace foretell;

namespace {

// Allocations between the 60th and the 120th token. The cache takes a block each 256 tokens: none of them in between.
int64_t allocations_of(Model& model, const Tokenizer& tokenizer, GenerateOptions options) {
  Sequence sequence(model, 250);
  std::vector<TokenId> prompt;
  for (int i = 0; i < 40; i++) prompt.push_back(i % 9 * 13 + 3);
  std::vector<int64_t> counts;
  counts.reserve(500);
  options.max_tokens = 130;
  options.ignore_end = true;
  options.interrupted = [&counts] {
    counts.push_back(allocations);
    return false;
  };
  size_t length = 0;
  generate(model, &tokenizer, sequence, prompt, options, [&length](std::string_view text) { length += text.size(); });
  CHECK(length > 100);
  REQUIRE(counts.size() > 120);
  return counts[120] - counts[60];
}

// In 60 tokens some buffers may grow, for the longest token yet or by doubling; nothing may be taken for each.
constexpr int64_t growth = 8;

const std::filesystem::path golden = std::filesystem::path(FORETELL_SOURCE_DIR) / "tests/golden/arch";

void check_nothing_is_allocated(const std::string& name, const LoadOptions& load) {
  CAPTURE(name);
  Model model = Model::load(golden / name, load);
  const Tokenizer tokenizer = Tokenizer::load(golden / name);
  for (const int64_t lookup : {int64_t{0}, int64_t{-1}, int64_t{7}}) {
    CAPTURE(lookup);
    CHECK(allocations_of(model, tokenizer, {.sampling = {.temperature = 0}, .lookup = lookup}) <= growth);
    SamplingOptions usual{.temperature = 0.8, .top_k = 40, .top_p = 0.95, .min_p = 0.05, .seed = 1};
    CHECK(allocations_of(model, tokenizer, {.sampling = usual, .lookup = lookup}) <= growth);
  }
}

}  // namespace

TEST_CASE("nothing is allocated for a token: counting works") {
  const int64_t before = allocations;
  delete new int(1);  // NOLINT: the compiler may leave it out, so it is asked of a vector as well
  std::vector<int> numbers(100, 1);
  CHECK(numbers[3] == 1);
  CHECK(allocations > before);
}

TEST_CASE("nothing is allocated for a token") {
  check_nothing_is_allocated("llama", {.threads = 1});
  check_nothing_is_allocated("gemma3", {.quantize_bits = 8, .threads = 1});
}
TEST_CASE("nothing is allocated for a token: experts") {
  check_nothing_is_allocated("mixtral", {.threads = 1});
  check_nothing_is_allocated("deepseek_v3", {.quantize_bits = 4, .threads = 1});
}
TEST_CASE("nothing is allocated for a token: states") {
  check_nothing_is_allocated("qwen3_next", {.threads = 1});
  check_nothing_is_allocated("lfm2", {.threads = 1});
}

namespace {

// The same of texts that are written at the same time, with as many allocations for all of them.
int64_t batch_allocations_of(Model& model, const Tokenizer& tokenizer, GenerateOptions options, size_t texts) {
  std::vector<int64_t> counts;
  counts.reserve(500);
  const auto before_each_step = [&counts] {
    counts.push_back(allocations);
    return false;
  };
  Batch batch(model, &tokenizer, {.at_once = texts, .capacity = 250, .interrupted = before_each_step});
  options.max_tokens = 130;
  options.ignore_end = true;
  size_t length = 0;
  for (size_t i = 0; i < texts; i++) {
    options.sampling.seed = i;
    BatchText text{.prompt = {}, .options = options};
    text.on_text = [&length](std::string_view piece) { length += piece.size(); };
    for (size_t k = 0; k < 40; k++) text.prompt.push_back(static_cast<TokenId>((k + i) % 9 * 13 + 3));
    batch.add(std::move(text));
  }
  size_t ended = 0;
  batch.run([&ended](size_t, const BatchResult& result) {
    if (result.generation) ended++;
  });
  CHECK(ended == texts);
  CHECK(length > 100 * texts);
  REQUIRE(counts.size() > 240);  // asked twice in each step
  return counts[240] - counts[120];
}

}  // namespace

TEST_CASE("nothing is allocated for a token: texts that are written at the same time") {
  for (const char* name : {"llama", "mixtral", "qwen3_next"}) {
    CAPTURE(name);
    Model model = Model::load(golden / name, {.threads = 2});
    const Tokenizer tokenizer = Tokenizer::load(golden / name);
    const SamplingOptions usual{.temperature = 0.8, .top_k = 40, .top_p = 0.95, .min_p = 0.05};
    for (const SamplingOptions& sampling : {SamplingOptions{.temperature = 0}, usual})
      CHECK(batch_allocations_of(model, tokenizer, {.sampling = sampling}, 5) <= 5 * growth);
  }
}

TEST_CASE("nothing is allocated for a token: every sampler") {
  Model model = Model::load(golden / "llama", {.threads = 1});
  const Tokenizer tokenizer = Tokenizer::load(golden / "llama");
  for (const int64_t mirostat : {0, 1, 2}) {
    SamplingOptions all{.temperature = 0.9,
                        .dynatemp_range = 0.2,
                        .top_k = 200,
                        .top_p = 0.99,
                        .min_p = 0.001,
                        .typical_p = 0.99,
                        .top_n_sigma = 5,
                        .epsilon_cutoff = 1e-5,
                        .eta_cutoff = 1e-5,
                        .xtc_probability = 0.5,
                        .mirostat = mirostat,
                        .repetition_penalty = 1.1,
                        .presence_penalty = 0.1,
                        .frequency_penalty = 0.1,
                        .no_repeat_ngram = 6,
                        .dry_multiplier = 0.5,
                        .logit_bias = {{{2}, 1.5}},
                        .suppress = {4, 5},
                        .seed = 1};
    CAPTURE(mirostat);
    CHECK(allocations_of(model, tokenizer, {.sampling = all, .stop = {"never in there"}}) <= growth);
  }
}

#endif
