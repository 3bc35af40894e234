#include "longwave/data/sequence_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_set>

#include "longwave/base/suggest.h"

namespace longwave {
namespace {

constexpr std::int64_t kBins = 16;
constexpr std::size_t kNamed = 5;              // classes of one line
constexpr std::int64_t kFewSteps = 200000000;  // of all samples: a few seconds

template <class T>
std::size_t hash_bytes(const std::vector<T>& list) {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(list.data()), list.size() * sizeof(T)});
}

std::size_t hash_steps(const SequenceExample& example) {
  std::size_t hash = 0;
  for (const auto part : {hash_bytes(example.first.tokens), hash_bytes(example.first.values),
                          hash_bytes(example.second.tokens), hash_bytes(example.second.values)})
    hash = hash * 0x9E3779B97F4A7C15ull + part;
  return hash;
}

void summarize_lengths(std::vector<std::int64_t> lengths, SplitSummary& summary) {
  std::sort(lengths.begin(), lengths.end());
  summary.shortest = lengths.front();
  summary.longest = lengths.back();
  summary.median = lengths[lengths.size() / 2];
  summary.mean_length = std::accumulate(lengths.begin(), lengths.end(), 0.) / static_cast<double>(lengths.size());
  summary.histogram.resize(kBins);
  const auto range = summary.longest - summary.shortest + 1;
  for (const auto length : lengths) ++summary.histogram[(length - summary.shortest) * kBins / range];
}

}  // namespace

std::int64_t shared_samples(const SequenceData& known, Split in_known, const SequenceData& scored, Split in_scored) {
  std::unordered_set<std::size_t> seen;
  SequenceExample example;
  for (std::int64_t i = 0; i < known.samples(in_known); ++i) {
    known.example(in_known, i, example);
    seen.insert(hash_steps(example));
  }
  std::int64_t shared = 0;
  for (std::int64_t i = 0; i < scored.samples(in_scored); ++i) {
    scored.example(in_scored, i, example);
    shared += seen.contains(hash_steps(example));
  }
  return shared;
}

std::vector<std::string> missing_classes(const SequenceSummary& summary, const SequenceFacts& facts) {
  std::vector<std::string> lines;
  for (const auto& split : summary.splits) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < split.classes.size(); ++i)
      if (split.classes[i] == 0)
        names.push_back(i < facts.class_names.size() ? facts.class_names[i] : fmt::format("{}", i));
    if (names.empty()) continue;
    const auto all = names.size();
    names.resize(std::min(all, kNamed));
    lines.push_back(fmt::format("{} of {} classes have no sample in {}: {}{}", all, split.classes.size(),
                                name_of(split.split), join(names), all > kNamed ? ", ..." : ""));
  }
  return lines;
}

std::vector<std::string> sample_cautions(const SequenceData& data) {
  const auto& facts = data.facts();
  if (facts.content_hash.empty() || facts.goal == SequenceGoal::language) return {};
  std::int64_t steps = 0;
  for (const auto split : {Split::train, Split::val, Split::test})
    for (std::int64_t i = 0; i < data.samples(split) && steps <= kFewSteps; ++i) steps += data.length(split, i);
  if (steps > kFewSteps) return {};
  const auto summary = summarize(data);
  auto lines = missing_classes(summary, facts);
  if (summary.test_in_train > 0)
    lines.push_back(fmt::format("{} of {} test samples are in train too, which flatters the score",
                                summary.test_in_train, data.samples(Split::test)));
  return lines;
}

SequenceSummary summarize(const SequenceData& data) {
  const auto goal = data.facts().goal;
  const bool labelled = goal == SequenceGoal::classify || goal == SequenceGoal::classify_pair;
  SequenceSummary summary;
  std::unordered_set<std::size_t> train, val;
  SequenceExample example;
  for (const auto split : {Split::train, Split::val, Split::test}) {
    const auto samples = data.samples(split);
    if (samples == 0) continue;
    auto& part = summary.splits.emplace_back();
    part.split = split;
    part.samples = samples;
    if (goal == SequenceGoal::language) continue;
    if (labelled) part.classes.resize(static_cast<std::size_t>(data.facts().classes));
    std::vector<std::int64_t> lengths;
    for (std::int64_t i = 0; i < samples; ++i) {
      data.example(split, i, example);
      lengths.push_back(data.length(split, i));
      if (labelled) ++part.classes.at(static_cast<std::size_t>(example.label));
      const auto hash = hash_steps(example);
      if (split == Split::train) summary.twice_in_train += !train.insert(hash).second;
      if (split == Split::val) summary.val_in_train += train.count(hash), val.insert(hash);
      if (split == Split::test) summary.test_in_train += train.count(hash), summary.test_in_val += val.count(hash);
    }
    summarize_lengths(std::move(lengths), part);
  }
  return summary;
}

}  // namespace longwave
