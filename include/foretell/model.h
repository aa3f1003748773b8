// A model that was loaded, and the texts that it is reading.
//
//   foretell::Model model = foretell::Model::load("models/smollm2-135m-instruct");
//   foretell::Sequence sequence(model);
//   std::span<const float> logits = model.next_logits(sequence, ids);   // [vocabulary_size]
//
// The logits of a prompt are the same bit by bit whatever the number of threads, the instruction set, the pieces in
// which the prompt was given and the other sequences of the same step.
//
// Threads: a Model and its Sequences are used by one thread at a time; inside, a step runs on all of the model's
// threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foretell/error.h"
#include "foretell/tokenizer.h"

namespace foretell {

// How activations are computed. Weights are used as they are stored in each, but for types that no kernel computes with
// (Model::rounded_weights).
enum class Precision {
  Fast,   // 8-bit activations where the weights are quantized, else float32
  High,   // activations in two 8-bit terms (16 bits)
  Exact,  // float32 throughout
};

// How the keys and values of the tokens read are kept. Auto: with quantized weights in 8 bits at Precision::Fast and
// in float16 at Precision::High, else in float32.
enum class KvCacheFormat { Auto, Float32, Float16, Int8 };

// A LoRA adapter in PEFT's layout (adapter_config.json and adapter_model.safetensors), and how strongly it acts.
struct AdapterChoice {
  std::filesystem::path path;
  double scale = 1;
};

struct LoadOptions {
  Precision precision = Precision::Fast;
  KvCacheFormat kv_cache = KvCacheFormat::Auto;
  std::vector<AdapterChoice> adapters = {};  // applied while loading, in order
  int quantize_bits = 0;  // 8 or 4: float weights are quantized so while loading; 0: used as they are
  int threads = 0;        // 0: the physical cores that the process may use
  std::string isa = {};   // "portable", "avx2" or "avx512"; empty: the best that this machine has
  std::function<void(double)> progress = {};  // called now and then with the part of the loading that is done, 0 to 1
  std::function<void(const std::string&)> log = {};  // called with a line where something takes longer than one expects
};

class Sequence;

// New tokens of one sequence, to be read in the next step.
struct Span {
  enum class Logits { None, Last, All };
  Sequence* sequence = nullptr;
  std::span<const TokenId> tokens;
  Logits logits = Logits::Last;
};

class Model {
 public:
  // A folder, or a .safetensors, .gguf or .json file. Throws Error where anything is missing, broken or contradictory.
  static Model load(const std::filesystem::path& path, const LoadOptions& options = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const std::string& architecture() const;  // config.json's model_type
  int64_t vocabulary_size() const;          // the rows of the unembedding, and the length of all logits
  int64_t hidden_size() const;
  int64_t layers() const;
  int64_t context_length() const;  // the most tokens that the model was made for
  bool context_is_hard() const;    // learned positions: there is nothing beyond context_length
  int64_t weights_bytes() const;   // the packed weights in memory
  // "9 matrices in Q6_K": those whose type no kernel computes with, so that they were rounded to 8 bits in groups of 32
  // (at Precision::Exact they are float32 instead). Empty where there are none.
  const std::string& rounded_weights() const;
  int64_t kv_bytes_per_token() const;
  int threads() const;
  std::string_view isa() const;  // the instruction set in use

  // Reads the new tokens of every span (a sequence has one at most) and calls `on_logits` for each token that wants
  // them, in order: the span's index, the token's index in the span, the logits [vocabulary_size] (valid during the
  // call; until the next step where at most logits_kept tokens want them). A span may be of any length; it is computed
  // in blocks. `stop`, where given, is asked between blocks and ends the step early where it says true; the sequences
  // then hold what was read so far. Throws Error where an id is outside of the vocabulary or a sequence is full.
  static constexpr int logits_kept = 16;
  using LogitsCallback = std::function<void(size_t span, size_t token, std::span<const float> logits)>;
  void step(std::span<const Span> spans, const LogitsCallback& on_logits, const std::function<bool()>& stop = {});

  // How many guesses, of `wanted`, the sequence's next step may read after its first token: `wanted`, or 0 where taking
  // them back (Sequence::truncate) would mean to compute others again, as for models that carry a state along, or where
  // their being there would change the logits before them (rotary scalings that depend on the length of the text).
  int64_t draft_room(const Sequence& sequence, int64_t wanted) const;

  // The logits after the last of `tokens`, [vocabulary_size]; valid until the next step. At least one token.
  std::span<const float> next_logits(Sequence& sequence, std::span<const TokenId> tokens);

  // Calls work(0) ... work(count - 1), each once, on the threads of the model; the first exception is thrown again
  // here.
  void share_out(int64_t count, const std::function<void(int64_t index)>& work);

  class Implementation;
  Implementation& implementation() const { return *implementation_; }

 private:
  explicit Model(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

// The text that a model has read so far: its keys and values. The model must outlive it.
class Sequence {
 public:
  // `capacity`: the most tokens it will hold; 0: the model's context length. Memory is taken as the sequence grows.
  explicit Sequence(const Model& model, int64_t capacity = 0);
  Sequence(Sequence&&) noexcept;
  Sequence& operator=(Sequence&&) noexcept;
  ~Sequence();

  int64_t length() const;  // tokens read
  std::span<const TokenId> tokens() const;
  int64_t capacity() const;
  // Forgets all tokens from `length` on. Models that carry a state along (delta rule, short convolutions) compute the
  // rest again in the next step.
  void truncate(int64_t length);
  // A sequence with the first `length` tokens of this one, at most all, and its capacity. Keys and values are shared
  // until one of the two reads on, and then copied where they differ (256 tokens at a time); the answers are those of a
  // sequence that had read the tokens itself. A state that models carry along is known at the end only: with fewer
  // tokens they compute them again in the next step.
  Sequence fork(int64_t length) const;

  class Implementation;
  Implementation& implementation() const { return *implementation_; }

 private:
  explicit Sequence(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace foretell
