#include "longwave/data/generated.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace longwave {

std::int64_t GeneratedData::samples(Split split) const {
  return split == Split::train ? sizes_.train_samples : split == Split::val ? sizes_.val_samples : sizes_.test_samples;
}

std::int64_t GeneratedData::length(Split split, std::int64_t index) const {
  thread_local SequenceExample sample;
  example(split, index, sample);
  const auto& steps = sample.first;
  return static_cast<std::int64_t>(facts_.channels > 0 ? steps.values.size() / static_cast<std::size_t>(facts_.channels)
                                                       : steps.tokens.size());
}

RandomStream sample_stream(std::int64_t seed, Split split, std::int64_t index) {
  return RandomStream{static_cast<std::uint64_t>(seed)}
      .split(static_cast<std::uint64_t>(split))
      .split(static_cast<std::uint64_t>(index));
}

void GeneratedData::predict_tokens(std::vector<std::string> names, std::int64_t max_length) {
  facts_.goal = SequenceGoal::classify_steps;
  facts_.vocabulary = facts_.classes = static_cast<std::int64_t>(names.size());
  facts_.class_names = facts_.token_names = std::move(names);
  facts_.max_length = max_length;
}

bool belongs_to(Split split, std::uint64_t content_hash) {
  const auto part = content_hash % 10;
  return split == (part == 0 ? Split::val : part == 1 ? Split::test : Split::train);
}

std::uint64_t hash_of(std::span<const std::int32_t> numbers) {
  RandomStream mixed{numbers.size()};
  for (const auto number : numbers) mixed = {mixed.next() ^ static_cast<std::uint32_t>(number)};
  return mixed.next();
}

std::vector<std::string> numerals(std::int64_t n) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < n; ++i) names.push_back(std::to_string(i));
  return names;
}

std::vector<std::int32_t> draw_distinct(RandomStream& random, std::int64_t n, std::int64_t count) {
  std::vector<std::int32_t> pool(static_cast<std::size_t>(n));
  std::iota(pool.begin(), pool.end(), 0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    std::swap(pool[i], pool[i + random.below(pool.size() - i)]);
  pool.resize(static_cast<std::size_t>(count));
  return pool;
}

std::string visit_scored(const SequenceData& data, const std::function<void(Split, std::int64_t)>& visit) {
  constexpr std::int64_t kMost = 1000;
  const char* names[] = {"training", "validation", "test"};
  for (const auto split : {Split::test, Split::val, Split::train}) {
    const auto count = std::min(kMost, data.samples(split));
    if (count == 0) continue;
    for (std::int64_t i = 0; i < count; ++i) visit(split, i);
    return fmt::format("measured on {} {} samples", count, names[static_cast<int>(split)]);
  }
  return "no samples to measure it on";
}

Baseline measured(const SequenceData& data, const std::string& name,
                  const std::function<void(const SequenceExample&, Tally&)>& score) {
  Tally tally;
  SequenceExample sample;
  auto comment = visit_scored(data, [&](Split split, std::int64_t index) {
    data.example(split, index, sample);
    score(sample, tally);
  });
  return {name, tally.scored > 0 ? tally.right / tally.scored : 0, std::move(comment)};
}

void visit_training(const SequenceData& data, std::int64_t count,
                    const std::function<void(const SequenceExample&)>& visit) {
  SequenceExample sample;
  for (std::int64_t i = 0; i < std::min(count, data.samples(Split::train)); ++i) {
    data.example(Split::train, i, sample);
    visit(sample);
  }
}

Baseline most_frequent_token(const SequenceData& data, const std::string& name, std::int32_t first, std::int32_t last) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(last - first) + 1);
  return measured(data, name, [&](const SequenceExample& sample, Tally& tally) {
    std::fill(counts.begin(), counts.end(), 0);
    for (const auto token : sample.first.tokens)
      if (token >= first && token <= last) ++counts[static_cast<std::size_t>(token - first)];
    const auto most = *std::max_element(counts.begin(), counts.end());
    const auto ties = static_cast<double>(std::count(counts.begin(), counts.end(), most));
    for (const auto target : sample.targets) {
      if (target == kIgnoredTarget) continue;
      ++tally.scored;
      const bool among = target >= first && target <= last && counts[static_cast<std::size_t>(target - first)] == most;
      if (among) tally.right += 1 / ties;
    }
  });
}

}  // namespace longwave
