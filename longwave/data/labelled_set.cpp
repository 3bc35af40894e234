#include "longwave/data/labelled_set.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/data/sequence_split.h"
#include "longwave/io/utf8.h"

namespace longwave {

void LabelledSet::example(Split split, std::int64_t index, SequenceExample& out) const {
  const auto item = items(split)[index];
  out.label = labels_[item];
  out.second.tokens.clear();
  out.second.values.clear();
  out.targets.clear();
  out.target_values.clear();
  encode(item, out.first);
}

std::vector<Baseline> LabelledSet::baselines() const {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(facts_.classes));
  for (const auto item : items(Split::train)) ++counts[labels_[item]];
  const auto majority = std::max_element(counts.begin(), counts.end()) - counts.begin();
  const auto& test = items(Split::test);
  const auto right = std::count_if(test.begin(), test.end(), [&](auto item) { return labels_[item] == majority; });
  return {
      {"majority class", static_cast<double>(right) / static_cast<double>(test.size()), "measured on the test split"}};
}

std::string caution_of_part(std::int64_t count, std::int64_t published, const std::string& of) {
  return "a part of " + of + " (" + std::to_string(count) + " of " + std::to_string(published) +
         "): scores are not comparable with published ones";
}

std::vector<std::int32_t> LabelledSet::labels_of(const std::vector<std::int64_t>& items) const {
  std::vector<std::int32_t> labels;
  for (const auto item : items) labels.push_back(labels_[item]);
  return labels;
}

void LabelledSet::hold_out_validation(double share, std::uint64_t seed) {
  const auto all = items(Split::train);
  const auto parts = hold_out(labels_of(all), share, seed);
  check(share == 0 || all.empty() || !parts.held_out.empty(), join(facts_.found, "; "), ": none of the ", all.size(),
        " training samples can validate, as each is the only one of its class; expected at least two of a class");
  items(Split::train).clear();
  for (const auto i : parts.kept) items(Split::train).push_back(all[i]);
  for (const auto i : parts.held_out) items(Split::val).push_back(all[i]);
}

void LabelledSet::limit(const LabelledOptions& options) {
  const std::pair<Split, std::int64_t> limits[] = {
      {Split::train, options.train_samples}, {Split::val, options.val_samples}, {Split::test, options.test_samples}};
  for (const auto& [split, count] : limits) {
    const auto all = items(split);
    items(split).clear();
    for (const auto i : balanced_subset(labels_of(all), count, static_cast<std::uint64_t>(options.seed)))
      items(split).push_back(all[i]);
  }
}

void LabelledSet::require_samples() const {
  for (const auto& [split, verb] : {std::pair{Split::train, "train"}, std::pair{Split::test, "test"}})
    check(!items(split).empty(), join(facts_.found, "; "), ": no samples to ", verb, " on; expected at least one");
}

void LabelledSet::compare_with_published(std::int64_t count, std::int64_t published, const std::string& of) {
  if (count >= published) return;
  facts_.caution = caution_of_part(count, published, of);
  facts_.found.push_back(facts_.caution);
}

void LabelledSet::describe(const std::string& content_hash) {
  require_samples();
  facts_.classes = static_cast<std::int64_t>(facts_.class_names.size());
  for (auto& name : facts_.class_names) name = as_utf8(name);  // folders and old archives have names in Latin-1, too
  facts_.content_hash = content_hash;
  for (const auto split : {Split::train, Split::val, Split::test})
    for (const auto item : items(split)) facts_.max_length = std::max(facts_.max_length, steps(item));
}

double nearest_class_mean(const std::vector<std::int64_t>& train, const std::vector<std::int64_t>& test,
                          const std::vector<std::int32_t>& labels,
                          const std::function<void(std::int64_t, std::vector<float>&)>& feature) {
  struct Class {
    std::vector<double> mean;
    double count = 0;
  };
  std::map<std::int32_t, Class> classes;
  std::vector<float> values;
  for (const auto item : train) {
    feature(item, values);
    auto& sum = classes[labels[item]];
    sum.mean.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) sum.mean[i] += values[i];
    ++sum.count;
  }
  for (auto& [label, sum] : classes)
    for (auto& value : sum.mean) value /= sum.count;
  std::int64_t right = 0;
  for (const auto item : test) {
    feature(item, values);
    double nearest = std::numeric_limits<double>::infinity();
    std::int32_t guess = -1;
    for (const auto& [label, one] : classes) {
      double distance = 0;
      for (std::size_t i = 0; i < values.size(); ++i) distance += (values[i] - one.mean[i]) * (values[i] - one.mean[i]);
      if (distance < nearest) nearest = distance, guess = label;
    }
    right += guess == labels[item];
  }
  return static_cast<double>(right) / static_cast<double>(test.size());
}

}  // namespace longwave
