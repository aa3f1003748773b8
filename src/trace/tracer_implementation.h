// The model inside a Tracer.
#pragma once

#include <memory>

#include "foretell/trace.h"
#include "model/forward.h"
#include "trace/recorder.h"

namespace foretell {

class Tracer::Implementation {
 public:
  Implementation(const std::filesystem::path& path, const LoadOptions& options);

  void check(std::span<const TokenId> tokens) const;
  void check(const Ablation& ablation) const;
  // Reads the tokens from an empty cache; the recorder sees all of it. Returns the row of the last token.
  int64_t read(std::span<const TokenId> tokens, const std::function<bool()>& interrupted);
  std::vector<float> logits(int64_t row);
  Trace run(std::span<const TokenId> tokens, const TraceOptions& options);

  ModelSpec spec;
  const kernels::Table& table;
  ThreadPool pool;
  Weights weights;
  Recorder recorder{spec};
  std::unique_ptr<Forward> forward;
};

}  // namespace foretell
