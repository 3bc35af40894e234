// What holds for every generated set, whatever it generates.

#include "longwave/data/generated.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>
#include <thread>

#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

/// Settings that keep samples short, for the sets whose defaults are long.
const std::map<std::string, Json> kSmall{
    {"recall", {{"steps", 66}}},
    {"selective-copying", {{"noise", 60}, {"memorize", 8}}},
};

std::shared_ptr<const SequenceData> make(const std::string& name, Json settings) {
  if (const auto small = kSmall.find(name); small != kSmall.end())
    for (const auto& [key, value] : small->second.items())
      if (!settings.contains(key)) settings[key] = value;
  return make_set(name, settings);
}

/// The sets whose samples come from GeneratedData.
std::vector<std::string> generated_sets() {
  std::vector<std::string> names;
  for (const auto& [name, info] : sequence_data_sets()) {
    if (info.generated && (info.family == "synthetic" || name == "pathfinder")) names.push_back(name);
  }
  return names;
}

class Generated : public testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<const SequenceData> data =
      make(GetParam(), {{"train_samples", 40}, {"val_samples", 20}, {"test_samples", 20}, {"seed", 3}});
};

constexpr Split kSplits[] = {Split::train, Split::val, Split::test};

/// Everything in a sample, bit for bit.
std::string bits(const SequenceExample& sample) {
  std::string text(reinterpret_cast<const char*>(&sample.label), sizeof sample.label);
  const auto add = [&](const auto& list) {
    text += "|";
    if (!list.empty()) text.append(reinterpret_cast<const char*>(list.data()), list.size() * sizeof list[0]);
  };
  for (const auto* steps : {&sample.first, &sample.second}) add(steps->tokens), add(steps->values);
  add(sample.targets);
  add(sample.target_values);
  return text;
}

std::string bits(const SequenceData& data, Split split, std::int64_t index) {
  SequenceExample sample;
  data.example(split, index, sample);
  return bits(sample);
}

TEST_P(Generated, SamplesAreThoseThatTheFactsDescribe) {
  const auto& facts = data->facts();
  SequenceExample sample;
  for (const auto split : kSplits)
    for (std::int64_t i = 0; i < data->samples(split); ++i) {
      data->example(split, i, sample);
      const auto& [tokens, values] = sample.first;
      const auto steps = data->length(split, i);
      ASSERT_LE(steps, facts.max_length);
      ASSERT_GT(steps, 0);
      ASSERT_EQ(static_cast<std::int64_t>(tokens.size()), facts.vocabulary > 0 ? steps : 0);
      ASSERT_EQ(static_cast<std::int64_t>(values.size()), facts.channels * steps);
      for (const auto token : tokens) ASSERT_TRUE(token >= 0 && token < facts.vocabulary) << token;
      for (const auto value : values) ASSERT_TRUE(std::isfinite(value));
      const auto is_class = [&](std::int32_t c) { return c >= 0 && c < facts.classes; };
      if (facts.goal == SequenceGoal::classify || facts.goal == SequenceGoal::classify_pair) {
        ASSERT_TRUE(is_class(sample.label)) << sample.label;
      }
      if (facts.goal == SequenceGoal::classify_steps) {
        ASSERT_EQ(static_cast<std::int64_t>(sample.targets.size()), steps);
        std::int64_t scored = 0;
        for (const auto target : sample.targets) {
          if (target == kIgnoredTarget) continue;
          ASSERT_TRUE(is_class(target)) << target;
          ++scored;
        }
        ASSERT_GT(scored, 0);
      }
      if (facts.goal == SequenceGoal::regress_steps) {
        ASSERT_EQ(static_cast<std::int64_t>(sample.target_values.size()), steps);
      }
    }
  EXPECT_FALSE(facts.protocol.empty());
  const auto& names = facts.token_names;
  EXPECT_TRUE(names.empty() || static_cast<std::int64_t>(names.size()) == facts.vocabulary);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  if (facts.classes > 0) {
    EXPECT_EQ(static_cast<std::int64_t>(facts.class_names.size()), facts.classes);
  }
}

TEST_P(Generated, SampleIsTheSameInAnyOrderByAnyThreadInAnyMemory) {
  std::vector<std::string> expected;
  for (std::int64_t i = 0; i < 40; ++i) expected.push_back(bits(*data, Split::train, i));
  std::vector<std::string> found[2];
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      SequenceExample used;  // what an earlier sample left in the memory must not matter
      for (std::int64_t i = 39; i >= 0; --i) {
        data->example(t == 0 ? Split::train : Split::val, i % 20, used);
        data->example(Split::train, i, used);
        found[t].insert(found[t].begin(), bits(used));
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(found[0], expected);
  EXPECT_EQ(found[1], expected);
}

TEST_P(Generated, SmallSetsBeginLargeOnesAndSeedsAndSplitsDiffer) {
  const auto large = make(GetParam(), {{"train_samples", 40}, {"test_samples", 100}, {"seed", 3}});
  const auto other = make(GetParam(), {{"train_samples", 40}, {"test_samples", 20}, {"seed", 4}});
  std::set<std::string> seen;
  for (std::int64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(bits(*data, Split::test, i), bits(*large, Split::test, i));
    for (const auto split : kSplits) EXPECT_TRUE(seen.insert(bits(*data, split, i)).second) << i;
    EXPECT_TRUE(seen.insert(bits(*other, Split::train, i)).second) << i;
  }
}

TEST_P(Generated, BaselinesAreScoresWithASource) {
  const auto lines = data->baselines();
  ASSERT_GE(lines.size(), 2u);
  for (const auto& line : lines) {
    EXPECT_FALSE(line.name.empty() || line.comment.empty());
    EXPECT_TRUE(std::isfinite(line.score) && line.score >= 0) << line.name;
    if (data->facts().goal != SequenceGoal::regress_steps) {
      EXPECT_LE(line.score, 1) << line.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Generated, testing::ValuesIn(generated_sets()), [](const auto& info) {
  auto name = info.param;
  for (auto& letter : name)
    if (!std::isalnum(static_cast<unsigned char>(letter))) letter = '_';
  return name;
});

TEST(DrawDistinct, EveryNumberIsDrawnEquallyOftenAndNoneTwice) {
  RandomStream random{5};
  int counts[7] = {};
  for (int i = 0; i < 7000; ++i) {
    const auto drawn = draw_distinct(random, 7, 3);
    EXPECT_EQ(std::set<std::int32_t>(drawn.begin(), drawn.end()).size(), 3u);
    ++counts[drawn[1]];
  }
  for (const auto count : counts) EXPECT_NEAR(count, 1000, 5 * std::sqrt(1000 * 6 / 7.0));
}

TEST(BelongsTo, EveryContentBelongsToOneSplitInTheRatioEightToOneToOne) {
  int counts[3] = {};
  for (std::int32_t i = 0; i < 10000; ++i) {
    const std::int32_t content[] = {i, 7};
    int splits = 0;
    for (const auto split : kSplits)
      if (belongs_to(split, hash_of(content))) ++splits, ++counts[static_cast<int>(split)];
    EXPECT_EQ(splits, 1);
  }
  EXPECT_NEAR(counts[0], 8000, 200);
  EXPECT_NEAR(counts[1], 1000, 150);
  EXPECT_NEAR(counts[2], 1000, 150);
}

}  // namespace
}  // namespace longwave
