#include "longwave/data/labelled_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>
#include <unordered_set>

#include "longwave/data/sequence_split.h"

namespace longwave {
namespace {

constexpr std::size_t kListedClasses = 12;  // more are told by their range of counts

template <class T>
std::uint64_t hash_of(const std::vector<T>& values) {
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

std::string balance(const std::map<std::int32_t, std::int64_t>& counts, const std::vector<std::string>& names) {
  if (counts.size() > kListedClasses) {
    const auto [least, most] =
        std::minmax_element(counts.begin(), counts.end(), [](auto& a, auto& b) { return a.second < b.second; });
    return fmt::format("{} classes of {} to {}", counts.size(), least->second, most->second);
  }
  std::vector<std::string> parts;
  for (const auto& [label, count] : counts) parts.push_back(fmt::format("{} {}", names.at(label), count));
  return join(parts);
}

}  // namespace

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

std::uint64_t LabelledSet::content(std::int64_t item) const {
  Steps steps;
  encode(item, steps);
  return hash_of(steps.tokens) ^ hash_of(steps.values);
}

std::vector<std::int32_t> LabelledSet::labels_of(const std::vector<std::int64_t>& items) const {
  std::vector<std::int32_t> labels;
  for (const auto item : items) labels.push_back(labels_[item]);
  return labels;
}

void LabelledSet::hold_out_validation(double share, std::uint64_t seed) {
  const auto all = items(Split::train);
  const auto parts = hold_out(labels_of(all), share, seed);
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

void LabelledSet::describe(const std::string& content_hash, bool count_duplicates) {
  check(!items(Split::train).empty() && !items(Split::test).empty(), "no samples to train or to test on");
  facts_.classes = static_cast<std::int64_t>(facts_.class_names.size());
  facts_.content_hash = content_hash;
  for (const auto split : {Split::train, Split::val, Split::test}) facts_.found.push_back(split_line(split));
  if (count_duplicates)
    facts_.found.push_back(fmt::format("{} of the test samples are in the training part too", duplicates()));
  facts_.found.push_back("content sha256 " + content_hash);
}

std::string LabelledSet::split_line(Split split) {
  const auto& all = items(split);
  if (all.empty()) return fmt::format("{}: none", name_of(split));
  std::map<std::int32_t, std::int64_t> counts;
  std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = 0, sum = 0;
  for (const auto item : all) {
    ++counts[labels_[item]];
    const auto length = steps(item);
    least = std::min(least, length);
    most = std::max(most, length);
    sum += length;
  }
  facts_.max_length = std::max(facts_.max_length, most);
  return fmt::format("{}: {} samples ({}), length {} / {:.1f} / {} (least / mean / greatest)", name_of(split),
                     all.size(), balance(counts, facts_.class_names), least,
                     static_cast<double>(sum) / static_cast<double>(all.size()), most);
}

std::int64_t LabelledSet::duplicates() const {
  std::unordered_set<std::uint64_t> seen;
  for (const auto item : items(Split::train)) seen.insert(content(item));
  const auto& test = items(Split::test);
  return std::count_if(test.begin(), test.end(), [&](auto item) { return seen.contains(content(item)); });
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
