#include "tokenizer/scored_merges.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tokenizer/utf8.h"

namespace foretell::tokenization {
namespace {

std::vector<double> read_scores(const JsonNode& node) {
  simdjson::dom::array array;
  if (node.element().get(array) != simdjson::SUCCESS) node.fail_type("an array");
  std::vector<double> scores;
  scores.reserve(array.size());
  for (const auto item : array) {
    double score = std::numeric_limits<double>::quiet_NaN();
    if (item.get(score) != simdjson::SUCCESS && !item.is_null()) {
      JsonNode(item, node.place() + "[" + std::to_string(scores.size()) + "]", &node.file()).fail_type("a number");
    }
    scores.push_back(score);
  }
  return scores;
}

// 0 for the best score; equal scores have the same rank.
std::vector<uint32_t> ranks_of(const std::vector<double>& scores) {
  std::vector<double> sorted;
  std::copy_if(scores.begin(), scores.end(), std::back_inserter(sorted),
               [](double score) { return !std::isnan(score); });
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<uint32_t> ranks;
  ranks.reserve(scores.size());
  for (const double score : scores) {
    const auto place = std::lower_bound(sorted.begin(), sorted.end(), score, std::greater<>());
    ranks.push_back(std::isnan(score) ? Merge::none : static_cast<uint32_t>(place - sorted.begin()));
  }
  return ranks;
}

}  // namespace

MergeTable merges_of_scores(const JsonNode& scores, const Vocabulary& vocabulary) {
  const std::vector<uint32_t> ranks = ranks_of(read_scores(scores));
  struct Pair {
    TokenId left, right;
    Merge merge;
  };
  std::vector<Pair> pairs;
  const auto part = [&](std::string_view name, size_t characters) -> TokenId {
    const auto id = vocabulary.find(name);
    const bool formed = id && static_cast<size_t>(*id) < ranks.size() && ranks[static_cast<size_t>(*id)] != Merge::none;
    return id && (formed || characters == 1) ? *id : -1;
  };
  for (size_t id = 0; id < ranks.size(); ++id) {
    if (ranks[id] == Merge::none) continue;
    const std::string_view name = vocabulary.name(static_cast<TokenId>(id));
    const size_t characters = count_characters(name);
    size_t before = 0;
    for (size_t cut = 1; cut < name.size(); ++cut) {
      if (is_continuation(name[cut])) continue;
      ++before;
      const TokenId left = part(name.substr(0, cut), before);
      if (left < 0) continue;
      const TokenId right = part(name.substr(cut), characters - before);
      if (right >= 0) pairs.push_back({left, right, {ranks[id], static_cast<TokenId>(id)}});
    }
  }
  MergeTable table(pairs.size());
  for (const Pair& pair : pairs) table.add(pair.left, pair.right, pair.merge);
  return table;
}

}  // namespace foretell::tokenization
