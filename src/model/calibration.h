// Reads a text with a model to learn what the inputs of its matrices are like.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "arch/family.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "model/calibration_text.h"
#include "model/error_feedback.h"
#include "model/forward.h"
#include "model/input_moments.h"
#include "model/observer.h"
#include "model/weights.h"

namespace foretell {

class Calibration {
 public:
  // All must outlive this. `progress`, where given, is called between batches and may throw.
  Calibration(const Family& family, const ModelSpec& spec, const Checkpoint& checkpoint, const CalibrationText& text,
              ThreadPool& pool, std::function<void(int64_t done, int64_t total)> progress);

  ~Calibration();

  // To be called for all sites first, in the order in which they will be asked for.
  void expect(const Site& site, int64_t cols);

  // How to round the matrices that read this input; valid until the next call. Those that were expected together, as
  // many as `most_bytes` of moments hold, are observed in one reading of the text.
  static constexpr int64_t most_bytes = int64_t{1} << 30;
  const ErrorFeedback& feedback(const Site& site);

 private:
  class Recorder;
  void observe(size_t first);
  void read_sequence(std::span<const TokenId> tokens);

  const ModelSpec& spec_;
  const CalibrationText& text_;
  ThreadPool& pool_;
  const kernels::Table& table_;
  std::function<void(int64_t, int64_t)> progress_;
  Weights weights_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<Forward> forward_;
  std::vector<std::pair<Site, int64_t>> expected_;  // and their widths
  std::map<Site, size_t> places_;                   // of these
  std::map<Site, InputMoments> moments_;            // of the last reading
  std::unique_ptr<ErrorFeedback> feedback_;
  Site feedback_site_;
  int64_t done_ = 0;
};

}  // namespace foretell
