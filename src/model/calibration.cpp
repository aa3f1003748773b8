#include "model/calibration.h"

#include <algorithm>
#include <numeric>

#include "kernels/dispatch.h"

namespace foretell {

// Keeps the rows of a batch until their moments are taken.
class Calibration::Recorder : public Observer {
 public:
  struct Rows {
    std::vector<float> data;  // [count][padded cols]
    int64_t count = 0;
  };

  void want(const Site& site) { rows_[site]; }
  void clear() { rows_.clear(); }
  bool wants(Point point) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const auto& r) { return r.first.point == point; });
  }
  std::map<Site, Rows>& rows() { return rows_; }

  void see(const Site& site, const float* rows, int64_t stride, int64_t count, int64_t cols) override {
    const auto it = rows_.find(site);
    if (it == rows_.end()) return;
    Rows& to = it->second;
    const auto width = static_cast<size_t>(InputMoments::padded(cols));
    to.data.resize(static_cast<size_t>(to.count + count) * width);
    for (int64_t r = 0; r < count; r++)
      std::copy_n(rows + r * stride, cols, to.data.data() + static_cast<size_t>(to.count + r) * width);
    to.count += count;
  }

 private:
  std::map<Site, Rows> rows_;
};

Calibration::Calibration(const Family& family, const ModelSpec& spec, const Checkpoint& checkpoint,
                         const CalibrationText& text, ThreadPool& pool,
                         std::function<void(int64_t done, int64_t total)> progress)
    : spec_(spec),
      text_(text),
      pool_(pool),
      table_(kernels::select_table({})),
      progress_(std::move(progress)),
      weights_(
          bind(family, spec, {std::shared_ptr<void>(), &checkpoint}, table_, pool, {.precision = Precision::Exact})),
      recorder_(std::make_unique<Recorder>()),
      forward_(std::make_unique<Forward>(spec_, weights_, table_, pool, Precision::Exact, KvCacheFormat::Auto,
                                         recorder_.get())) {}

Calibration::~Calibration() = default;

void Calibration::expect(const Site& site, int64_t cols) {
  if (places_.emplace(site, expected_.size()).second) expected_.emplace_back(site, cols);
}

const ErrorFeedback& Calibration::feedback(const Site& site) {
  if (feedback_ != nullptr && feedback_site_ == site) return *feedback_;
  feedback_.reset();
  if (!moments_.contains(site)) observe(places_.at(site));
  feedback_ = std::make_unique<ErrorFeedback>(moments_.at(site), table_, pool_);
  feedback_site_ = site;
  return *feedback_;
}

// Reads the text for the sites from `first` on, as many as fit.
void Calibration::observe(size_t first) {
  moments_.clear();
  recorder_->clear();
  int64_t bytes = 0;
  for (size_t i = first; i < expected_.size(); i++) {
    const auto& [site, cols] = expected_[i];
    bytes += InputMoments::bytes(cols);
    if (i > first && bytes > most_bytes) break;
    moments_.emplace(site, InputMoments(cols));
    recorder_->want(site);
  }
  done_ = 0;
  const auto prefix = static_cast<int64_t>(text_.prefix.size()), all = static_cast<int64_t>(text_.ids.size());
  const int64_t longest = std::clamp<int64_t>(spec_.context, prefix + 1, CalibrationText::sequence_tokens);
  const int64_t step = longest - prefix;
  for (int64_t begin = 0; begin < all; begin += step) {
    std::vector<TokenId> tokens = text_.prefix;
    tokens.insert(tokens.end(), text_.ids.begin() + begin, text_.ids.begin() + std::min(begin + step, all));
    read_sequence(tokens);
  }
}

void Calibration::read_sequence(std::span<const TokenId> tokens) {
  const auto length = static_cast<int64_t>(tokens.size());
  KvCache cache(forward_->kv_layout(), length);
  cache.reserve(0, length);
  for (int64_t start = 0; start < length; start += Forward::max_rows) {
    const int64_t rows = std::min(Forward::max_rows, length - start);
    const Piece piece{.cache = &cache, .first_row = 0, .rows = rows, .start = start, .length = length};
    forward_->run({&piece, 1}, tokens.subspan(static_cast<size_t>(start), static_cast<size_t>(rows)));
    cache.length = start + rows;
    if (recorder_->wants(Point::UnembeddingInput) || recorder_->wants(Point::ProjectedOut)) {
      int64_t wanted[Forward::max_logit_rows];
      for (int64_t first = 0; first < rows; first += Forward::max_logit_rows) {
        const int64_t count = std::min(Forward::max_logit_rows, rows - first);
        std::iota(wanted, wanted + count, first);
        forward_->logits({wanted, static_cast<size_t>(count)});
      }
    }
    for (auto& [site, seen] : recorder_->rows()) {
      if (seen.count > 0) moments_.at(site).add(seen.data.data(), seen.count, table_, pool_);
      seen.count = 0;
      seen.data.clear();
    }
    done_ += rows;
    if (progress_) progress_(done_, static_cast<int64_t>(text_.ids.size()));
  }
}

}  // namespace foretell
