#include <algorithm>
#include <numeric>

#include "arch/apply_adapter.h"
#include "arch/open_model.h"
#include "kernels/dispatch.h"
#include "trace/tracer_implementation.h"

namespace foretell {

Tracer::Implementation::Implementation(const std::filesystem::path& path, const LoadOptions& options)
    : table(kernels::select_table(options.isa)), pool(options.threads > 0 ? options.threads : available_cores()) {
  auto checkpoint = std::make_shared<Checkpoint>(open_model(path, {.tokenizer = false}));
  const ConfigReader config(checkpoint->config, checkpoint->config_file());
  const Family& family = find_family(config);
  spec = family.describe(config);
  for (const AdapterChoice& adapter : options.adapters)
    apply_adapter(*checkpoint, family, spec, read_adapter(adapter.path, adapter.scale));
  weights = bind(family, spec, std::move(checkpoint), table, pool,
                 {.quantize_bits = options.quantize_bits, .precision = Precision::Exact, .progress = options.progress});
  forward = std::make_unique<Forward>(spec, weights, table, pool, Precision::Exact, KvCacheFormat::Float32, nullptr,
                                      &recorder);
}

void Tracer::Implementation::check(std::span<const TokenId> tokens) const {
  const auto count = static_cast<int64_t>(tokens.size());
  const int64_t most = spec.positions ? std::min(spec.context, spec.positions->count) : spec.context;
  if (count < 1 || count > most)
    throw Error({.what = count < 1 ? "there is no token to read" : "the text is longer than the context",
                 .expected = "1 to " + std::to_string(most) + " tokens",
                 .found = std::to_string(count)});
  for (const TokenId id : tokens)
    if (id < 0 || id >= spec.vocabulary)
      throw Error({.what = "a token id is outside of the model's vocabulary",
                   .expected = "0 to " + std::to_string(spec.vocabulary - 1),
                   .found = std::to_string(id)});
}

void Tracer::Implementation::check(const Ablation& ablation) const {
  const auto layers = static_cast<int64_t>(spec.layers.size());
  const std::string name = "L" + std::to_string(ablation.layer);
  if (ablation.layer < 0 || ablation.layer >= layers)
    throw Error({.what = "there is no such layer", .expected = "L0 to L" + std::to_string(layers - 1), .found = name});
  if (ablation.part != Ablation::Part::Head) return;
  const int64_t heads = mixer_heads(spec, spec.layers[static_cast<size_t>(ablation.layer)]).count;
  if (ablation.head < 0 || ablation.head >= heads)
    throw Error({.what = "there is no such head",
                 .expected = name + ".H0 to " + name + ".H" + std::to_string(heads - 1),
                 .found = name + ".H" + std::to_string(ablation.head)});
}

int64_t Tracer::Implementation::read(std::span<const TokenId> tokens, const std::function<bool()>& interrupted) {
  const auto length = static_cast<int64_t>(tokens.size());
  KvCache cache(forward->kv_layout(), length);
  cache.reserve(0, length);
  int64_t rows = 0;
  for (int64_t start = 0; start < length; start += rows) {
    if (start > 0 && interrupted && interrupted()) break;
    rows = std::min(Forward::max_rows, length - start);
    recorder.start = start;
    const Piece piece{.cache = &cache, .first_row = 0, .rows = rows, .start = start, .length = length};
    forward->run({&piece, 1}, tokens.subspan(static_cast<size_t>(start), static_cast<size_t>(rows)));
    cache.length = start + rows;
  }
  return rows - 1;
}

std::vector<float> Tracer::Implementation::logits(int64_t row) {
  const float* logits = forward->logits({&row, 1});
  return {logits, logits + spec.vocabulary};
}

Trace Tracer::Implementation::run(std::span<const TokenId> tokens, const TraceOptions& options) {
  check(tokens);
  for (const Ablation& ablation : options.ablations) check(ablation);
  std::vector<int64_t> positions = options.positions;
  if (positions.empty()) {
    positions.resize(tokens.size());
    std::iota(positions.begin(), positions.end(), int64_t{0});
  }
  Trace means, trace;
  if (options.ablate_with_mean && !options.ablations.empty()) {
    const int64_t last = positions.back();
    recorder.trace = &means;
    recorder.begin(tokens, {&last, 1});
    read(tokens, options.interrupted);
    recorder.means = &means;
  }
  recorder.trace = &trace;
  recorder.ablations = options.ablations;
  recorder.begin(tokens, positions);
  const int64_t last = read(tokens, options.interrupted);
  recorder.trace = nullptr;
  recorder.means = nullptr;
  recorder.ablations = {};
  trace.logits = logits(last);
  return trace;
}

TokenId Trace::best() const {
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

Ablation parse_ablation(const std::string& text) {
  const auto wrong = [&] {
    return Error({.what = "no part of a model",
                  .expected = "L5 (a layer), L5.H3 (a head), L5.MLP or L5.Mixer, counted from 0",
                  .found = text});
  };
  const auto number = [&](std::string_view digits) {
    if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != digits.npos) throw wrong();
    return static_cast<int64_t>(std::stoll(std::string(digits)));
  };
  if (text.empty() || (text[0] != 'L' && text[0] != 'l')) throw wrong();
  const size_t point = text.find('.');
  Ablation ablation{.layer = number(std::string_view(text).substr(1, point == text.npos ? point : point - 1))};
  if (point == text.npos) return ablation;
  std::string part = text.substr(point + 1);
  for (char& c : part) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (part == "mlp") {
    ablation.part = Ablation::Part::Mlp;
  } else if (part == "mixer") {
    ablation.part = Ablation::Part::Mixer;
  } else if (part.starts_with('h')) {
    ablation.part = Ablation::Part::Head;
    ablation.head = number(std::string_view(part).substr(1));
  } else {
    throw wrong();
  }
  return ablation;
}

Tracer::Tracer(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;
Tracer::~Tracer() = default;

Tracer Tracer::load(const std::filesystem::path& path, const LoadOptions& options) {
  return Tracer(std::make_unique<Implementation>(path, options));
}

int64_t Tracer::vocabulary_size() const { return implementation_->spec.vocabulary; }
int64_t Tracer::layers() const { return static_cast<int64_t>(implementation_->spec.layers.size()); }
int64_t Tracer::hidden_size() const { return implementation_->spec.hidden; }
int64_t Tracer::context_length() const { return implementation_->spec.context; }
const std::string& Tracer::architecture() const { return implementation_->spec.architecture; }
int64_t Tracer::heads(int64_t layer) const {
  const ModelSpec& spec = implementation_->spec;
  return mixer_heads(spec, spec.layers[static_cast<size_t>(layer)]).count;
}

Trace Tracer::run(std::span<const TokenId> tokens, const TraceOptions& options) {
  return implementation_->run(tokens, options);
}

void Tracer::read_out(std::span<const float* const> vectors,
                      const std::function<void(size_t, std::span<const float>)>& on_logits) {
  Forward& forward = *implementation_->forward;
  const ModelSpec& spec = implementation_->spec;
  for (size_t first = 0; first < vectors.size(); first += Forward::max_logit_rows) {
    const size_t count = std::min<size_t>(Forward::max_logit_rows, vectors.size() - first);
    int64_t rows[Forward::max_logit_rows];
    for (size_t i = 0; i < count; i++) {
      rows[i] = static_cast<int64_t>(i);
      std::copy_n(vectors[first + i], spec.hidden, forward.stream(rows[i]));
    }
    const float* logits = forward.logits({rows, count});
    for (size_t i = 0; i < count; i++)
      on_logits(first + i,
                {logits + static_cast<int64_t>(i) * forward.logits_stride(), static_cast<size_t>(spec.vocabulary)});
  }
}

}  // namespace foretell
