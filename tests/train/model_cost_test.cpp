#include "longwave/train/model_cost.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "longwave/tasks/sequence_model.h"
#include "longwave/tasks/sequence_task.h"
#include "tests/support/sequences.h"

namespace longwave {
namespace {

/// Of one layer of width 8 on a set of samples of 3 to 9 steps, the longest of which it claims to have `max_length`.
Json cost_of(const std::string& mixer, const SequenceData& data, std::int64_t max_length) {
  auto sizes = sequence_sizes(data.facts());
  sizes.max_length = max_length;
  const Settings stack = settings_from_json({{"layers", 1}, {"d_model", 8}}, "test");
  const auto heads = mixer == "attention" ? settings_from_json({{"heads", 2}}, "test") : Settings();
  const auto model = make_sequence_model(mixer, resolve_sequence_model(mixer, stack, heads, {}), sizes, 1);
  const auto shared = std::shared_ptr<const SequenceData>(&data, [](const SequenceData*) {});
  return sequence_cost(*model, *make_sequence_task(shared, {}), 16);
}

TEST(SequenceCost, IsOfASampleOfMedianLength) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < 70; ++i) lengths.push_back(data.length(Split::train, i));
  std::sort(lengths.begin(), lengths.end());
  const auto cost = cost_of("mingru", data, 9);
  EXPECT_EQ(cost.at("steps"), lengths[35]);
  EXPECT_GT(cost.at("flops").get<double>(), 0);
  EXPECT_DOUBLE_EQ(training_flops(cost, 10.0 * static_cast<double>(lengths[35])), 30 * cost.at("flops").get<double>());
}

TEST(SequenceCost, OnlySomeSamplesOfALargeSplitAreLookedAt) {
  const testing::TinySequences data(SequenceGoal::classify, 256 * 7);
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < 256; ++i) lengths.push_back(data.length(Split::train, 7 * i));
  std::sort(lengths.begin(), lengths.end());
  EXPECT_EQ(cost_of("mingru", data, 9).at("steps"), lengths[128]);
}

TEST(SequenceCost, StateIsThatAfterTheLongestSequence) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  const auto bytes = [&](const std::string& mixer, std::int64_t max_length) {
    return cost_of(mixer, data, max_length).at("state_bytes").get<double>();
  };
  EXPECT_EQ(cost_of("attention", data, 40).at("state_steps"), 40);
  EXPECT_GE(bytes("attention", 40), 40 * 2 * 8 * 4) << "keys and values of every step";
  EXPECT_GT(bytes("attention", 40), 3 * bytes("attention", 9));
  EXPECT_EQ(bytes("mingru", 40), bytes("mingru", 9)) << "a state that does not grow";
  EXPECT_EQ(cost_of("attention", data, 0).at("state_steps"), 9) << "the longest of those looked at";
}

TEST(SequenceCost, WhatDoesNotStreamHasNoState) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  const auto cost = cost_of("hyena", data, 9);
  EXPECT_FALSE(cost.contains("state_bytes"));
  EXPECT_FALSE(cost.contains("step_seconds"));
  EXPECT_GT(cost.at("tokens_per_second").get<double>(), 0);
}

TEST(SequenceCost, OfUseIsMeasured) {
  for (const auto goal : {SequenceGoal::classify, SequenceGoal::classify_pair, SequenceGoal::language}) {
    const auto cost = cost_of("mingru", testing::TinySequences(goal, 70), 9);
    EXPECT_GT(cost.at("step_seconds").get<double>(), 0);
    EXPECT_LT(cost.at("step_seconds").get<double>(), 1);
    EXPECT_EQ(cost.at("batch"), goal == SequenceGoal::language ? 1 : 16) << "one segment of 256 tokens in the stream";
    EXPECT_GT(cost.at("batch_tokens_per_second").get<double>(), 0);
  }
  const auto few = cost_of("mingru", testing::TinySequences(SequenceGoal::classify, 5), 9);
  EXPECT_EQ(few.at("batch"), 5) << "no batch is larger than the split";
}

TEST(SequenceCost, ARowCostsLessInABatch) {
  const auto cost = cost_of("mingru", testing::TinySequences(SequenceGoal::classify, 70), 9);
  EXPECT_GT(cost.at("batch_tokens_per_second").get<double>(), 2 * cost.at("tokens_per_second").get<double>());
}

/// Learned positions end with the longest sequence: the step that is timed must lie within.
TEST(SequenceCost, StreamingStaysWithinTheLearnedPositions) {
  const testing::TinySequences data(SequenceGoal::language);
  auto sizes = sequence_sizes(data.facts());
  sizes.max_length = 16;
  const auto stack = settings_from_json({{"layers", 1}, {"d_model", 8}, {"positions", "learned"}}, "test");
  const auto model = make_sequence_model("mingru", resolve_sequence_model("mingru", stack, {}, {}), sizes, 1);
  const auto shared = std::shared_ptr<const SequenceData>(&data, [](const SequenceData*) {});
  const auto cost = sequence_cost(*model, *make_sequence_task(shared, {.context = 16}), 4);
  EXPECT_EQ(cost.at("state_steps"), 16);
  EXPECT_GT(cost.at("step_seconds").get<double>(), 0);
}

}  // namespace
}  // namespace longwave
