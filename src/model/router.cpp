#include "model/router.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/exact_math.h"

namespace foretell {
namespace {

constexpr float never = -std::numeric_limits<float>::infinity();

void softmax(float* x, int64_t n) {
  const double top = *std::max_element(x, x + n);
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += exact_exp(x[i] - top);
  for (int64_t i = 0; i < n; i++) x[i] = static_cast<float>(exact_exp(x[i] - top) / sum);
}

// A group's own score: its best, or the sum of its best two (DeepSeek-V3, arXiv:2412.19437).
float group_score(const float* scores, int64_t n, bool top_two) {
  float first = never, second = never;
  for (int64_t i = 0; i < n; i++) {
    if (scores[i] > first) {
      second = first;
      first = scores[i];
    } else {
      second = std::max(second, scores[i]);
    }
  }
  return top_two && n > 1 ? first + second : first;
}

// Only experts of the best groups can be chosen (DeepSeek-V2, arXiv:2405.04434).
void leave_best_groups(const Experts& experts, RouterScratch& scratch) {
  std::vector<float>&scores = scratch.scores, &of_group = scratch.of_group;
  std::vector<bool>& kept = scratch.kept;
  const int64_t size = experts.count / experts.groups;
  of_group.clear();
  for (int64_t g = 0; g < experts.groups; g++)
    of_group.push_back(group_score(scores.data() + g * size, size, experts.groups_by_top_two));
  kept.assign(of_group.size(), false);
  for (int64_t i = 0; i < experts.chosen_groups; i++) {
    const auto best = std::max_element(of_group.begin(), of_group.end()) - of_group.begin();
    kept[static_cast<size_t>(best)] = true;
    of_group[static_cast<size_t>(best)] = never;
  }
  for (int64_t e = 0; e < experts.count; e++)
    if (!kept[static_cast<size_t>(e / size)]) scores[static_cast<size_t>(e)] = never;
}

}  // namespace

void choose_experts(const Experts& experts, float* logits, const float* correction, const float* scales,
                    Choice* choices, RouterScratch& scratch) {
  using Score = Experts::Score;
  const int64_t n = experts.count, k = experts.chosen;
  if (experts.score == Score::Softmax) softmax(logits, n);
  if (experts.score == Score::Sigmoid)
    for (int64_t e = 0; e < n; e++)
      logits[e] = static_cast<float>(1 / (1 + exact_exp(-static_cast<double>(logits[e]))));
  std::vector<float>&scores = scratch.scores, &weights = scratch.weights;
  scores.assign(logits, logits + n);  // by which they are chosen
  if (correction != nullptr)
    for (int64_t e = 0; e < n; e++) scores[static_cast<size_t>(e)] += correction[e];
  if (experts.groups > 1) leave_best_groups(experts, scratch);

  weights.clear();
  for (int64_t i = 0; i < k; i++) {
    const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
    choices[i].expert = best;
    weights.push_back(logits[best]);
    scores[static_cast<size_t>(best)] = never;
  }
  if (experts.score == Score::SoftmaxOfChosen) softmax(weights.data(), k);
  if (experts.normalize) {
    float sum = 1e-20f;
    for (const float w : weights) sum += w;
    for (float& w : weights) w /= sum;
  }
  for (int64_t i = 0; i < k; i++) {
    choices[i].weight = weights[static_cast<size_t>(i)] * experts.scale;
    if (scales != nullptr) choices[i].weight *= scales[choices[i].expert];
  }
}

}  // namespace foretell
