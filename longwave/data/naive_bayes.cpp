#include "longwave/data/naive_bayes.h"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace longwave {
namespace {

/// Calls visit(features, label) for every sample of a split.
template <class Visit>
void for_each_bag(const SequenceData& data, Split split, const Visit& visit) {
  SequenceExample example;
  for (std::int64_t i = 0; i < data.samples(split); ++i) {
    data.example(split, i, example);
    auto& features = example.first.tokens;
    features.insert(features.end(), example.second.tokens.begin(), example.second.tokens.end());
    visit(features, example.label);
  }
}

}  // namespace

NaiveBayes::NaiveBayes(std::int64_t classes, std::int64_t features)
    : classes_(classes),
      features_(features),
      counts_(static_cast<std::size_t>(classes * features)),
      totals_(static_cast<std::size_t>(classes)),
      samples_(static_cast<std::size_t>(classes)) {}

void NaiveBayes::learn(const std::vector<std::int32_t>& features, std::int32_t label) {
  for (const auto feature : features) ++counts_[feature * classes_ + label];
  totals_[label] += static_cast<double>(features.size());
  ++samples_[label];
}

std::int32_t NaiveBayes::guess(const std::vector<std::int32_t>& features) const {
  std::vector<double> score(samples_.size());
  for (std::int64_t c = 0; c < classes_; ++c) {
    score[c] = std::log(samples_[c] + 1);
    const auto total = std::log(totals_[c] + static_cast<double>(features_));
    for (const auto feature : features) score[c] += std::log(counts_[feature * classes_ + c] + 1) - total;
  }
  return static_cast<std::int32_t>(std::max_element(score.begin(), score.end()) - score.begin());
}

std::vector<std::int32_t> WordIndex::numbers(std::string_view text, bool grow) {
  std::vector<std::int32_t> numbers;
  std::string word;
  const auto close = [&] {
    if (word.empty()) return;
    if (grow)
      numbers.push_back(ids_.try_emplace(word, static_cast<std::int32_t>(ids_.size())).first->second);
    else if (const auto known = ids_.find(word); known != ids_.end())
      numbers.push_back(known->second);
    word.clear();
  };
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isalnum(byte) || byte >= 0x80)
      word += static_cast<char>(std::tolower(byte));
    else
      close();
  }
  close();
  return numbers;
}

double majority_accuracy(const SequenceData& data, Split score) {
  const auto count = [&](Split split) {
    std::vector<double> labels(static_cast<std::size_t>(data.facts().classes));
    for_each_bag(data, split, [&](const auto&, std::int32_t label) { ++labels[label]; });
    return labels;
  };
  const auto known = count(data.samples(Split::train) > 0 ? Split::train : score);
  const auto best = std::max_element(known.begin(), known.end()) - known.begin();
  return count(score)[best] / static_cast<double>(std::max<std::int64_t>(1, data.samples(score)));
}

double token_naive_bayes_accuracy(const SequenceData& data, Split score) {
  NaiveBayes model(data.facts().classes, data.facts().vocabulary);
  for_each_bag(data, Split::train, [&](const auto& features, std::int32_t label) { model.learn(features, label); });
  double right = 0;
  for_each_bag(data, score, [&](const auto& features, std::int32_t label) { right += model.guess(features) == label; });
  return right / static_cast<double>(std::max<std::int64_t>(1, data.samples(score)));
}

}  // namespace longwave
