// Rounding with a calibration text: what the forward pass shows, the moments, the feedback of errors, whole models.
#include "model/calibration.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <set>
#include <vector>

#include "arch/open_model.h"
#include "base/mapped_file.h"
#include "checkpoint/quantize.h"
#include "foretell/model.h"
#include "kernels/dispatch.h"
#include "model/convert.h"
#include "model/rounding.h"
#include "temp_folder.h"

using namespace foretell;
namespace fs = std::filesystem;

namespace {

const fs::path golden = FORETELL_SOURCE_DIR "/tests/golden/arch";

// Tokens of which a few come often, as in a text.
std::vector<TokenId> random_text(unsigned seed, size_t count) {
  std::mt19937 random(seed);
  std::vector<TokenId> ids(count);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % (random() % 3 == 0 ? 300 : 30));
  return ids;
}

// Inputs that depend on each other, [count][padded].
std::vector<float> random_inputs(std::mt19937& random, int64_t count, int64_t cols) {
  std::normal_distribution<float> normal;
  std::vector<float> rows(static_cast<size_t>(count * InputMoments::padded(cols)));
  std::vector<float> mix(static_cast<size_t>(cols * 3));
  for (float& m : mix) m = normal(random);
  for (int64_t t = 0; t < count; t++) {
    const float source[] = {normal(random), normal(random), normal(random)};
    for (int64_t i = 0; i < cols; i++) {
      float x = 0.3f * normal(random);
      for (int64_t s = 0; s < 3; s++) x += source[s] * mix[static_cast<size_t>(i * 3 + s)];
      rows[static_cast<size_t>(t * InputMoments::padded(cols) + i)] = x;
    }
  }
  return rows;
}

// e H e^T
double output_error(const std::vector<float>& errors, const InputMoments& moments) {
  double sum = 0;
  for (int64_t i = 0; i < moments.cols(); i++)
    for (int64_t j = 0; j < moments.cols(); j++)
      sum += double{errors[static_cast<size_t>(i)]} * moments.at(i, j) * errors[static_cast<size_t>(j)];
  return sum;
}

std::vector<float> errors_of(const std::vector<float>& weights, GroupLayout layout, const std::vector<uint8_t>& codes,
                             const std::vector<float>& scales, const std::vector<float>& biases) {
  std::vector<float> errors(weights);
  for (size_t i = 0; i < weights.size(); i++) {
    const size_t g = i / static_cast<size_t>(layout.group_size);
    errors[i] -= grid_value({scales[g], biases[g]}, codes[i]);
  }
  return errors;
}

// The squared differences of two models' logits on a text.
double logit_error(const fs::path& a, const fs::path& b) {
  const std::vector<TokenId> ids = random_text(77, 120);
  std::vector<float> all;
  double sum = 0;
  for (const fs::path& path : {a, b}) {
    Model model = Model::load(path, {.precision = Precision::Exact, .threads = 1});
    Sequence sequence(model);
    const Span span{.sequence = &sequence, .tokens = ids, .logits = Span::Logits::All};
    size_t at = 0;
    model.step({&span, 1}, [&](size_t, size_t, std::span<const float> logits) {
      if (path == a) {
        all.insert(all.end(), logits.begin(), logits.end());
      } else {
        for (const float l : logits) sum += std::pow(l - all[at++], 2);
      }
    });
  }
  return sum;
}

class Seen : public Observer {
 public:
  std::set<Site> sites;
  std::map<Site, int64_t> rows;
  std::map<Site, int64_t> cols;
  void see(const Site& site, const float* data, int64_t, int64_t count, int64_t width) override {
    rows[site] += count;
    cols[site] = width;
    for (int64_t i = 0; i < width; i++) finite = finite && std::isfinite(data[i]);
  }
  bool finite = true;
};

}  // namespace

TEST_CASE("input moments are the sums of products, in any number of threads") {
  std::mt19937 random(1);
  for (const int64_t cols : {1, 31, 32, 70, 129}) {
    const int64_t count = 37;
    const std::vector<float> rows = random_inputs(random, count, cols);
    InputMoments one(cols), three(cols);
    ThreadPool single(1), several(3);
    for (int i = 0; i < 2; i++) {
      one.add(rows.data(), count, kernels::select_table("portable"), single);
      three.add(rows.data(), count, kernels::select_table({}), several);
    }
    CHECK(one.tokens() == 2 * count);
    bool near = true, equal = true;
    for (int64_t i = 0; i < cols; i++) {
      for (int64_t j = 0; j < cols; j++) {
        double sum = 0, magnitude = 0;
        for (int64_t t = 0; t < count; t++) {
          const auto at = static_cast<size_t>(t * InputMoments::padded(cols));
          const double product = double{rows[at + static_cast<size_t>(i)]} * rows[at + static_cast<size_t>(j)];
          sum += 2 * product;
          magnitude += 2 * std::fabs(product);
        }
        near = near && std::fabs(one.at(i, j) - sum) <= 4e-6 * magnitude;
        equal = equal && one.at(i, j) == three.at(i, j);
      }
    }
    CHECK(near);
    CHECK(equal);
  }
}

// GPTQ as it was published: after each input, what is left of the row is moved by the inverse of H of what is left.
TEST_CASE("feedback of errors rounds as the published algorithm does, and better than each weight for itself") {
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0, 0.02f);
  ThreadPool pool(2);
  const kernels::Table& table = kernels::select_table({});
  for (const int64_t cols : {32, 96, 160}) {
    const std::vector<float> rows = random_inputs(random, 300, cols);
    InputMoments moments(cols);
    moments.add(rows.data(), 300, table, pool);
    const ErrorFeedback feedback(moments, table, pool);
    for (const int bits : {2, 3, 4}) {
      const GroupLayout layout{bits, 32};
      const auto size = static_cast<size_t>(cols), groups = size / 32;
      double plain_error = 0, error = 0, reference_error = 0;
      for (int r = 0; r < 8; r++) {
        std::vector<float> weights(size);
        for (float& w : weights) w = normal(random);
        std::vector<uint8_t> codes(size);
        std::vector<float> scales(groups), biases(groups);
        round_nearest(weights, layout, DType::F16, codes.data(), scales.data(), biases.data());
        plain_error += output_error(errors_of(weights, layout, codes, scales, biases), moments);
        feedback.round(weights.data(), 1, layout, DType::F16, codes.data(), scales.data(), biases.data());
        error += output_error(errors_of(weights, layout, codes, scales, biases), moments);

        // The reference on the same grids, with H inverted anew for the inputs that are left.
        std::vector<int64_t> order(size);
        for (size_t i = 0; i < size; i++) order[i] = static_cast<int64_t>(i);
        double mean = 0;
        for (int64_t i = 0; i < cols; i++) mean += moments.at(i, i) / static_cast<double>(cols);
        std::stable_sort(order.begin(), order.end(),
                         [&](int64_t a, int64_t b) { return moments.at(a, a) > moments.at(b, b); });
        std::vector<double> left(weights.begin(), weights.end());
        for (size_t k = 0; k < size; k++) {
          const auto input = static_cast<size_t>(order[k]);
          const AffineGrid grid{scales[input / 32], biases[input / 32]};
          codes[input] = nearest_code(grid, bits, static_cast<float>(left[input]));
          const double miss = left[input] - grid_value(grid, codes[input]);
          // Column 0 of the inverse of H over order[k..]: solve H x = e0 by elimination.
          const size_t n = size - k;
          std::vector<double> h(n * n), x(n, 0);
          for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
              h[i * n + j] = moments.at(order[k + i], order[k + j]) + (i == j ? 0.01 * mean : 0);
          x[0] = 1;
          for (size_t p = 0; p < n; p++)
            for (size_t i = p + 1; i < n; i++) {
              const double f = h[i * n + p] / h[p * n + p];
              for (size_t j = p; j < n; j++) h[i * n + j] -= f * h[p * n + j];
              x[i] -= f * x[p];
            }
          for (size_t p = n; p-- > 0;) {
            for (size_t j = p + 1; j < n; j++) x[p] -= h[p * n + j] * x[j];
            x[p] /= h[p * n + p];
          }
          for (size_t i = 1; i < n; i++) left[static_cast<size_t>(order[k + i])] -= miss * x[i] / x[0];
        }
        reference_error += output_error(errors_of(weights, layout, codes, scales, biases), moments);
        if (cols > 100) break;  // the reference takes long
      }
      INFO(cols << " inputs, " << bits << " bits: " << error << ", reference " << reference_error << ", plain "
                << plain_error);
      // A code that lies between two may fall to either, and the others after it; the error is the same.
      CHECK(std::fabs(error / reference_error - 1) < 0.05);
      CHECK(error < 0.5 * plain_error);
    }
  }
}

TEST_CASE("without inputs, or with one and the same, rounding with feedback stays sound") {
  ThreadPool pool(1);
  const kernels::Table& table = kernels::select_table({});
  std::vector<float> weights(64);
  for (size_t i = 0; i < 64; i++) weights[i] = std::sin(static_cast<float>(i));
  std::vector<uint8_t> codes(64), plain(64);
  std::vector<float> scales(2), biases(2);
  InputMoments moments(64);
  const GroupLayout layout{4, 32};
  round_nearest(weights, layout, DType::F16, plain.data(), scales.data(), biases.data());
  ErrorFeedback(moments, table, pool)
      .round(weights.data(), 1, layout, DType::F16, codes.data(), scales.data(), biases.data());
  CHECK(codes == plain);
  std::vector<float> row(64, 1.0f);
  for (int i = 0; i < 100; i++) moments.add(row.data(), 1, table, pool);  // of rank one
  ErrorFeedback(moments, table, pool)
      .round(weights.data(), 1, layout, DType::F16, codes.data(), scales.data(), biases.data());
  const std::vector<float> errors = errors_of(weights, layout, codes, scales, biases);
  double sum = 0, largest = 0;
  for (const float e : errors) {
    sum += e;
    largest = std::max(largest, std::fabs(double{e}));
  }
  CHECK(std::fabs(sum) < 0.3);  // all that counts is the sum of the row
  CHECK(largest < 0.5);
}

TEST_CASE("an observer sees the inputs of every matrix, and changes nothing") {
  for (const auto& entry : fs::directory_iterator(golden)) {
    INFO(entry.path());
    const Checkpoint checkpoint = open_model(entry.path());
    const ConfigReader config(checkpoint.config, checkpoint.config_file());
    const Family& family = find_family(config);
    const ModelSpec spec = family.describe(config);
    ThreadPool pool(2);
    const kernels::Table& table = kernels::select_table({});
    const Weights weights =
        bind(family, spec, {std::shared_ptr<void>(), &checkpoint}, kernels::select_table({}), pool, {});
    const std::vector<TokenId> ids = random_text(5, 41);
    std::vector<std::vector<float>> logits;
    Seen seen;
    for (Observer* observer : {static_cast<Observer*>(nullptr), static_cast<Observer*>(&seen)}) {
      Forward forward(spec, weights, table, pool, Precision::Fast, KvCacheFormat::Auto, observer);
      KvCache cache(forward.kv_layout(), 64);
      cache.reserve(0, 41);
      const Piece piece{.cache = &cache, .first_row = 0, .rows = 41, .start = 0, .length = 41};
      forward.run({&piece, 1}, ids);
      const std::vector<int64_t> rows = {3, 40};
      const float* found = forward.logits(rows);
      logits.emplace_back(found, found + spec.vocabulary);
    }
    CHECK(logits[0] == logits[1]);
    CHECK(seen.finite);
    for (const TensorSpec& tensor : tensor_table(family, spec)) {
      const std::optional<Point> point = input_of(tensor.role);
      if (!point || tensor.part != Part::Weight || tensor.expert >= 0 || tensor.shape.size() != 2) continue;
      INFO(tensor.name);
      const Site site{*point, tensor.layer};
      const int64_t inputs = family.conv1d && tensor.layer >= 0 ? tensor.shape[0] : tensor.shape[1];
      CHECK(seen.cols[site] == inputs);
      CHECK(seen.rows[site] == (tensor.layer >= 0 || *point == Point::Embedded ? 41 : 2));
    }
    // Each token goes through as many experts as it chooses.
    for (size_t l = 0; l < spec.layers.size(); l++) {
      const auto* experts = std::get_if<Experts>(&spec.layers[l].mlp);
      if (experts == nullptr) continue;
      for (const Point point : {Point::ExpertInput, Point::ExpertExpanded}) {
        int64_t rows = 0;
        for (int64_t e = 0; e < experts->count; e++) rows += seen.rows[{point, static_cast<int64_t>(l), e}];
        CHECK(rows == 41 * experts->chosen);
      }
    }
  }
}

TEST_CASE("convert with a calibration text: the logits of another text are nearer to the floats'") {
  double ratios = 1;
  int count = 0;
  for (const char* model : {"llama", "gpt2", "mixtral", "gpt_oss", "deepseek_v3", "qwen3_next"}) {
    const TempFolder temp;
    const Checkpoint checkpoint = open_model(golden / model);
    for (const int bits : {2, 3}) {
      const fs::path plain = temp.path() / ("plain" + std::to_string(bits)),
                     better = temp.path() / ("text" + std::to_string(bits));
      convert(checkpoint, plain, {.quantize_bits = bits, .group_size = 32, .threads = 1});
      convert(checkpoint, better,
              {.quantize_bits = bits, .group_size = 32, .calibration = {.ids = random_text(1, 2000)}, .threads = 1});
      const double before = logit_error(golden / model, plain), after = logit_error(golden / model, better);
      INFO(model << ", " << bits << " bits: " << after / before);
      CHECK(after < before);
      ratios *= after / before;
      count++;
    }
  }
  INFO("on average " << std::pow(ratios, 1.0 / count));
  CHECK(std::pow(ratios, 1.0 / count) < 0.8);
}

TEST_CASE("convert with a calibration text: the same files with any number of threads") {
  const TempFolder temp;
  const Checkpoint checkpoint = open_model(golden / "mixtral");
  int64_t told = 0;
  for (const int threads : {1, 3})
    convert(checkpoint, temp.path() / std::to_string(threads),
            {.quantize_bits = 3,
             .group_size = 32,
             .calibration = {.prefix = {1}, .ids = random_text(1, 300)},
             .calibrating = [&](int64_t done, int64_t) { told = done; },
             .threads = threads});
  CHECK(told >= 300);
  CHECK(read_text_file(temp.path() / "1/model.safetensors") == read_text_file(temp.path() / "3/model.safetensors"));
}
