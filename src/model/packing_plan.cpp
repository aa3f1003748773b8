#include "model/packing_plan.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "base/mapped_file.h"
#include "foretell/error.h"
#include "model/unit_packer.h"

namespace foretell {
namespace {

constexpr int64_t portion_units = 4;              // units that a thread takes at once
constexpr int64_t step_bytes = int64_t{4} << 20;  // packed bytes after which a step may end

using Ranges = std::vector<std::span<const std::byte>>;

size_t total(const Ranges& ranges) {
  size_t bytes = 0;
  for (const auto& range : ranges) bytes += range.size();
  return bytes;
}

// Has the system read the files in the order of the steps, so far ahead of the packing that the disk is never idle, but
// not so far that pages go before they are used.
class Fetcher {
 public:
  explicit Fetcher(const std::vector<Ranges>& steps) : steps_(steps) {
    size_t bytes = 0;
    for (const Ranges& ranges : steps) bytes += total(ranges);
    if (bytes > worth_a_thread) thread_ = std::thread([this] { fetch(); });
  }
  ~Fetcher() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  // So many bytes need no place in memory any more.
  void done(size_t bytes) {
    const std::lock_guard lock(mutex_);
    done_ += bytes;
    changed_.notify_one();
  }

 private:
  static constexpr size_t worth_a_thread = size_t{4} << 20, window = size_t{256} << 20;

  void fetch() {
    size_t fetched = 0;
    for (const Ranges& ranges : steps_) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopped_ || fetched <= done_ + window; });
        if (stopped_) return;
      }
      for (const auto& range : ranges) read_ahead(range);
      fetched += total(ranges);
    }
  }

  const std::vector<Ranges>& steps_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t done_ = 0;
  bool stopped_ = false;
  std::thread thread_;
};

int64_t portions_of(int64_t units) { return (units + portion_units - 1) / portion_units; }

// Whether a part of the outputs is a part of the stored rows.
bool stands_by_rows(const MatrixSource& source) {
  const TensorView& tensor = source.stored.tensor();
  return !source.transposed && source.run == 0 && tensor.interleaved_heads == 0 && !tensor.quantized;
}

}  // namespace

void PackingPlan::begin(bool of_layer) {
  steps_.emplace_back();
  layers_ = of_layer;
}

std::string PackingPlan::rounded() const {
  std::string text;
  for (const auto& [type, tensors] : rounded_)
    text += (text.empty() ? "" : ", ") + std::to_string(tensors.size()) +
            (tensors.size() == 1 ? " matrix in " : " matrices in ") + type;
  return text;
}

void PackingPlan::add(std::vector<std::pair<MatrixSource, PackedMatrix*>> matrices, bool in_turn) {
  int64_t turn_bytes = 0;
  for (auto& [source, target] : matrices) {
    *target = plan_packing(source, quantize_bits_, precision_);
    quantized_ = quantized_ || (layers_ && kernels::is_affine(target->format));
    turn_bytes += target->stride;
    if (source.stored.layout() == StoredMatrix::Layout::Decoded && kernels::is_affine(target->format))
      rounded_[source.stored.describe()].insert(&source.stored.tensor());
    // Only matrices of one shape and format can take turns.
    in_turn = in_turn && target->bytes() == matrices.front().second->bytes();
  }
  int64_t offset = bytes_;
  for (auto& [source, target] : matrices) {
    add_jobs(source, target);
    places_.emplace_back(target, offset);
    offset += in_turn ? target->stride : target->bytes();
    bytes_ += target->bytes();
  }
  if (in_turn)
    for (auto& [source, target] : matrices) target->stride = turn_bytes;
}

// A large matrix is several steps; matrices of one tensor stay in one step, so that it is read once.
void PackingPlan::add_jobs(const MatrixSource& source, PackedMatrix* target) {
  const bool by_rows = stands_by_rows(source);
  const bool same_tensor = !jobs_.empty() && &jobs_.back().source.stored.tensor() == &source.stored.tensor();
  if (steps_.back().bytes > step_bytes && (by_rows || !same_tensor)) steps_.emplace_back();
  const int64_t whole_portions = step_bytes / (target->unit_bytes() * portion_units + 1) + 1;
  const int64_t units = by_rows ? whole_portions * portion_units : target->units();
  for (int64_t first = 0; first < target->units(); first += units) {
    if (first > 0) steps_.emplace_back();
    add_job(source, target, first, std::min(units, target->units() - first));
  }
}

void PackingPlan::add_job(const MatrixSource& source, PackedMatrix* target, int64_t first_unit, int64_t units) {
  jobs_.push_back({source, target, first_unit, units, portions_, steps_.size() - 1});
  portions_ += portions_of(units);
  steps_.back().portions += portions_of(units);
  steps_.back().bytes += units * target->unit_bytes();
}

std::vector<std::span<const std::byte>> PackingPlan::Job::file_bytes() const {
  if (!stands_by_rows(source)) return source.stored.file_bytes();
  const int64_t first = first_unit * kernels::unit_rows;
  return source.stored.file_bytes(source.first + first, std::min(units * kernels::unit_rows, source.rows - first));
}

// The threads take portion after portion without waiting for each other; who ends a step lets go of its pages.
class PackingPlan::Work {
 public:
  Work(const PackingPlan& plan, const kernels::Table& table, const std::function<void(double)>& progress)
      : plan_(plan),
        table_(table),
        progress_(progress),
        left_(plan.steps_.size()),
        bytes_(bytes_by_step(plan)),
        fetcher_(bytes_) {
    for (size_t s = 0; s < left_.size(); s++) left_[s].store(plan.steps_[s].portions, std::memory_order_relaxed);
  }

  void run(int thread) {
    UnitPacker packer(table_);
    size_t job = 0;
    for (;;) {
      const int64_t portion = next_.fetch_add(1, std::memory_order_relaxed);
      if (portion >= plan_.portions_) return;
      try {
        while (job + 1 < plan_.jobs_.size() && plan_.jobs_[job + 1].first_portion <= portion) job++;
        pack(packer, plan_.jobs_[job], portion);
        if (thread == 0 && progress_) progress_(static_cast<double>(portion) / static_cast<double>(plan_.portions_));
      } catch (...) {
        fail(portion);
      }
    }
  }

  // Throws what the earliest portion threw. All before it were taken before it, so that it is the same in every run.
  void check() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static std::vector<Ranges> bytes_by_step(const PackingPlan& plan) {
    std::vector<Ranges> steps(plan.steps_.size());
    for (const Job& job : plan.jobs_)
      for (const auto& bytes : job.file_bytes()) steps[job.step].push_back(bytes);
    for (Ranges& ranges : steps) ranges = join_ranges(std::move(ranges));
    return steps;
  }

  void pack(UnitPacker& packer, const Job& job, int64_t portion) {
    const PackedMatrix& m = *job.target;
    const int64_t first = (portion - job.first_portion) * portion_units;
    try {
      for (int64_t u = job.first_unit + first; u < job.first_unit + std::min(first + portion_units, job.units); u++)
        packer.pack(job.source, m, u, const_cast<std::byte*>(m.unit(u)));
    } catch (const Error& error) {
      throw error.with({.file = job.source.stored.tensor().file.string(), .where = job.source.stored.name()});
    }
    if (left_[job.step].fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    for (const auto& range : bytes_[job.step]) release_pages(range);
    fetcher_.done(total(bytes_[job.step]));
  }

  void fail(int64_t portion) {
    next_.store(plan_.portions_, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    if (failure_ && failed_portion_ < portion) return;
    failure_ = std::current_exception();
    failed_portion_ = portion;
  }

  const PackingPlan& plan_;
  const kernels::Table& table_;
  const std::function<void(double)>& progress_;
  std::vector<std::atomic<int64_t>> left_;  // by step: portions that are not packed yet
  const std::vector<Ranges> bytes_;         // by step: of the files
  Fetcher fetcher_;
  std::atomic<int64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr failure_;
  int64_t failed_portion_ = 0;
};

AlignedBytes PackingPlan::pack(const kernels::Table& table, ThreadPool& pool,
                               const std::function<void(double)>& progress) {
  AlignedBytes arena(static_cast<size_t>(bytes_));
  for (const auto& [target, offset] : places_) target->data = arena.data() + offset;
  Work work(*this, table, progress);
  pool.run([&](int thread) { work.run(thread); });
  work.check();
  if (progress) progress(1);
  return arena;
}

}  // namespace foretell
