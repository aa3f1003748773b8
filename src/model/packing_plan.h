// What a model's weights become in memory, and the work of bringing them there.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "model/packed_matrix.h"

namespace foretell {

// Matrices to pack, with their places in one arena. They are packed in the order in which they were added, in steps of
// a few megabytes; the files' pages of a step are let go of when it is done.
class PackingPlan {
 public:
  PackingPlan(int quantize_bits, Precision precision) : quantize_bits_(quantize_bits), precision_(precision) {}

  // `of_layer`: what is added next belongs to a layer, not to the ends.
  void begin(bool of_layer);
  // `matrices` stand one after the other in the arena or, with `in_turn`, unit by unit in turn.
  void add(std::vector<std::pair<MatrixSource, PackedMatrix*>> matrices, bool in_turn = false);

  bool quantized() const { return quantized_; }  // some matrix of a layer
  // "9 matrices in Q6_K", where some can only be decoded and are rounded.
  std::string rounded() const;

  // Packs everything on all threads of the pool. `progress` is told, by the calling thread, how far it is from 0 to 1;
  // what it throws ends the work. Of several errors that of the first matrix is thrown, whatever the threads did.
  AlignedBytes pack(const kernels::Table& table, ThreadPool& pool, const std::function<void(double)>& progress);

 private:
  struct Job {  // some units of a matrix
    MatrixSource source;
    PackedMatrix* target;
    int64_t first_unit, units;
    int64_t first_portion;  // they are taken in portions, and those of all jobs are counted through
    size_t step;
    std::vector<std::span<const std::byte>> file_bytes() const;
  };
  struct Step {
    int64_t portions = 0, bytes = 0;
  };
  class Work;
  void add_jobs(const MatrixSource& source, PackedMatrix* target);
  void add_job(const MatrixSource& source, PackedMatrix* target, int64_t first_unit, int64_t units);

  int quantize_bits_;
  Precision precision_;
  std::map<std::string, std::set<const TensorView*>> rounded_;  // by the stored type
  std::vector<Job> jobs_;
  std::vector<Step> steps_;
  std::vector<std::pair<PackedMatrix*, int64_t>> places_;  // in the arena
  int64_t portions_ = 0, bytes_ = 0;
  bool layers_ = false, quantized_ = false;
};

}  // namespace foretell
