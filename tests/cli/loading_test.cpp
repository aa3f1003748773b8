// What loading costs: memory no more than the packed weights and little besides, and each byte from the disk once. The
// folder is large enough that its weights outweigh what any process has.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/run.h"

using foretell::test::Outcome;
using foretell::test::run;

#ifndef FORETELL_SANITIZED
namespace {

// A llama in bfloat16 of about 150 MB, whose weights repeat a pattern.
class LargeFolder {
 public:
  LargeFolder() {
    constexpr int hidden = 1024, intermediate = 4096, vocabulary = 8192;
    const nlohmann::json config = {{"model_type", "llama"},         {"vocab_size", vocabulary},
                                   {"hidden_size", hidden},         {"intermediate_size", intermediate},
                                   {"num_hidden_layers", layers},   {"num_attention_heads", 16},
                                   {"num_key_value_heads", 4},      {"tie_word_embeddings", false},
                                   {"max_position_embeddings", 512}};
    folder_.write("config.json", config.dump());
    add("model.embed_tokens.weight", {vocabulary, hidden});
    add("lm_head.weight", {vocabulary, hidden});
    add("model.norm.weight", {hidden});
    for (int l = 0; l < layers; l++) {
      const std::string layer = "model.layers." + std::to_string(l) + ".";
      add(layer + "input_layernorm.weight", {hidden});
      add(layer + "post_attention_layernorm.weight", {hidden});
      add(layer + "self_attn.q_proj.weight", {hidden, hidden});
      add(layer + "self_attn.k_proj.weight", {hidden / 4, hidden});
      add(layer + "self_attn.v_proj.weight", {hidden / 4, hidden});
      add(layer + "self_attn.o_proj.weight", {hidden, hidden});
      add(layer + "mlp.gate_proj.weight", {intermediate, hidden});
      add(layer + "mlp.up_proj.weight", {intermediate, hidden});
      add(layer + "mlp.down_proj.weight", {hidden, intermediate});
    }
    write();
  }

  int64_t weights() const { return bytes_; }
  std::filesystem::path file() const { return folder_.path() / "model.safetensors"; }
  Outcome next(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"next", "--ids", "1,2,3", "--json", "-m", folder_.path().string()});
    return run(arguments);
  }

 private:
  static constexpr int layers = 4;

  void add(const std::string& name, const std::vector<int64_t>& shape) {
    int64_t size = 2;
    for (const int64_t n : shape) size *= n;
    header_[name] = {{"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {bytes_, bytes_ + size}}};
    bytes_ += size;
  }
  void write() {
    std::ofstream out(file(), std::ios::binary);
    const std::string header = header_.dump();
    const uint64_t length = header.size();
    out.write(reinterpret_cast<const char*>(&length), sizeof length);
    out << header;
    std::string pattern(1 << 20, '\0');  // numbers of both signs from 2^-8 to 2^-4
    for (size_t i = 0; i < pattern.size(); i += 2) {
      const uint32_t bits = static_cast<uint32_t>(i) * 2654435761U;
      const uint32_t word = (bits >> 31) << 15 | (119 + (bits >> 20 & 3)) << 7 | (bits >> 8 & 127);
      pattern[i] = static_cast<char>(word & 255);
      pattern[i + 1] = static_cast<char>(word >> 8);
    }
    for (int64_t left = bytes_; left > 0; left -= static_cast<int64_t>(pattern.size()))
      out.write(pattern.data(), std::min<int64_t>(left, static_cast<int64_t>(pattern.size())));
  }

  foretell::TempFolder folder_;
  nlohmann::json header_ = nlohmann::json::object();
  int64_t bytes_ = 0;
};

}  // namespace

TEST_CASE("loading floats, and quantizing them, takes 1.15 times the packed weights and 40 MB") {
  const LargeFolder folder;
  struct Case {
    std::vector<std::string> arguments;
    int64_t bits;  // of a weight in memory, its share of a group's scale and bias included
  };
  for (const Case& c : {Case{{}, 16}, Case{{"--quantize", "8"}, 10}, Case{{"--quantize", "4"}, 6}}) {
    CAPTURE(c.bits);
    const Outcome outcome = folder.next(c.arguments);
    REQUIRE(outcome.code == 0);
    const int64_t packed = folder.weights() * c.bits / 16, kv = int64_t{256} * 4 * 2 * 256 * 4;
    CHECK(outcome.peak_bytes < packed * 115 / 100 + kv + 40'000'000);
    CHECK(outcome.peak_bytes > packed / 2);  // it was measured at all
  }
}

TEST_CASE("loading reads each byte from the disk once") {
  const LargeFolder folder;
  const int fd = open(folder.file().c_str(), O_RDONLY);
  REQUIRE(fd >= 0);
  fsync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);  // out of the page cache
  close(fd);
  const auto blocks_read = [] {  // of 512 bytes, by all programs that this one ran
    rusage usage{};
    getrusage(RUSAGE_CHILDREN, &usage);
    return int64_t{usage.ru_inblock};
  };
  const int64_t before = blocks_read();
  REQUIRE(folder.next({}).code == 0);
  // A file system in memory reads nothing. What the program itself is made of may have to be read too.
  CHECK((blocks_read() - before) * 512 < folder.weights() * 11 / 10 + 40'000'000);
}
#endif

TEST_CASE("bench counts the first token from the start of the process, the tokenizer included") {
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = run({"bench", "-m", FORETELL_SOURCE_DIR "/models/toy", "--prompt-tokens", "4", "--gen-tokens",
                               "2", "--repeat", "1", "--json"});
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  REQUIRE(outcome.code == 0);
  const auto result = nlohmann::json::parse(outcome.out);
  const auto first_token = result["first_token_s"].get<double>(), load = result["load_s"].get<double>();
  CHECK(load > 0);
  CHECK(first_token > load);
  CHECK(first_token < wall);
}
