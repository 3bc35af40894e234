#include "longwave/tasks/sequence_batch.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "longwave/base/check.h"
#include "tests/support/sequences.h"

namespace longwave {
namespace {

using testing::TinySequences;

TEST(SequenceBatch, PadsToTheLongestOfTheBatchAndTellsTheLengths) {
  const TinySequences data(SequenceGoal::classify_steps);
  Batch batch;
  gather_examples(data, Split::train, {4, 0, 9, 2, 31}, batch);
  const auto& x = batch.tensors.at("x");
  const auto& lengths = batch.tensors.at("lengths");
  const auto& y = batch.tensors.at("y");
  std::int64_t longest = 0, steps = 0;
  SequenceExample example;
  const std::vector<std::int64_t> indices{4, 0, 9, 2, 31};
  for (std::int64_t b = 0; b < 5; ++b) {
    data.example(Split::train, indices[b], example);
    const auto t = std::ssize(example.first.tokens);
    longest = std::max(longest, t), steps += t;
    EXPECT_EQ(lengths[b].item<std::int64_t>(), t);
    for (std::int64_t i = 0; i < x.size(1); ++i) {
      EXPECT_EQ(x[b][i].item<std::int64_t>(), i < t ? example.first.tokens[i] : 0);
      EXPECT_EQ(y[b][i].item<std::int64_t>(), i > 0 && i < t ? example.first.tokens[i - 1] : kIgnoredTarget);
    }
  }
  EXPECT_EQ(x.size(1), longest);
  EXPECT_EQ(batch.steps, steps);
}

TEST(SequenceBatch, MemoryIsUsedAgainAndFullRowsNeedNoLengths) {
  const TinySequences data(SequenceGoal::classify, 70, true);
  Batch batch;
  gather_examples(data, Split::train, {0, 1, 2, 3}, batch);
  const auto* memory = batch.tensors.at("x").data_ptr<std::int64_t>();
  EXPECT_FALSE(batch.tensors.contains("lengths"));
  gather_examples(data, Split::train, {5, 6}, batch);
  EXPECT_EQ(batch.tensors.at("x").data_ptr<std::int64_t>(), memory);
  EXPECT_EQ(batch.tensors.at("x").sizes(), (std::vector<std::int64_t>{2, 7}));
}

TEST(SequenceBatch, StrandsAreTurnedRoundUpToTheLengthOfTheRow) {
  const TinySequences data(SequenceGoal::classify);
  std::vector<std::int64_t> indices(32);
  std::iota(indices.begin(), indices.end(), 0);
  Batch batch;
  gather_examples(data, Split::train, indices, batch);
  const auto before = batch.tensors.at("x").clone();
  std::vector<std::int32_t> complement(static_cast<std::size_t>(data.facts().vocabulary));
  for (std::size_t token = 0; token < complement.size(); ++token)
    complement[token] = static_cast<std::int32_t>(complement.size() - 1 - token);
  RandomStream random{5, 0};
  reverse_strands(complement, batch, random);
  int turned = 0;
  for (std::int64_t row = 0; row < 32; ++row) {
    const auto length = batch.tensors.at("lengths")[row].item<std::int64_t>();
    const auto after = batch.tensors.at("x")[row];
    if (at::equal(after, before[row])) continue;
    ++turned;
    const auto partner = static_cast<std::int64_t>(complement.size()) - 1 - before[row].slice(0, 0, length).flip(0);
    EXPECT_TRUE(at::equal(after.slice(0, 0, length), partner));
    EXPECT_TRUE(at::equal(after.slice(0, length), before[row].slice(0, length))) << "padding stays";
  }
  EXPECT_GT(turned, 6);
  EXPECT_LT(turned, 26);
}

TEST(SequenceBatch, PairsLieInOneTensorAndNumbersThatAreNotScoredAreZero) {
  Batch batch;
  gather_examples(TinySequences(SequenceGoal::classify_pair), Split::val, {1, 7, 3}, batch);
  EXPECT_EQ(batch.tensors.at("x").size(1), 2);
  EXPECT_EQ(model_input(batch, true).size(0), 6);
  EXPECT_EQ(model_lengths(batch).size(0), 6);
  gather_examples(TinySequences(SequenceGoal::regress_steps), Split::val, {1, 7, 3}, batch);
  EXPECT_TRUE(at::isfinite(batch.tensors.at("y")).all().item<bool>());
  EXPECT_EQ(batch.tensors.at("scored").select(1, 0).sum().item<float>(), 0) << "NaN is not scored";
  EXPECT_EQ(batch.tensors.at("scored").sum().item<double>(), static_cast<double>(batch.steps - 3));
}

TEST(SequenceBatch, ATokenOutsideTheVocabularyIsNamed) {
  SequenceFacts facts;
  facts.vocabulary = 4;
  facts.classes = 2;
  Batch batch;
  batch.size = 1;
  batch.examples.resize(1);
  batch.examples[0].first.tokens = {0, 4};
  batch.examples[0].label = 1;
  try {
    pad_examples(facts, batch);
    FAIL() << "accepted";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "data: a token is 4; expected 0 .. 3");
  }
}

TEST(Buckets, EverySampleOnceInBatchesOfSimilarLengthAndTheSameForTheSameStream) {
  std::vector<std::int32_t> lengths(203);
  RandomStream random{5, 0};
  for (auto& length : lengths) length = static_cast<std::int32_t>(1 + random.below(100));
  std::vector<std::int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  auto again = order, other = order;
  bucket_by_length(order, lengths, 10, {1, 0});
  bucket_by_length(again, lengths, 10, {1, 0});
  bucket_by_length(other, lengths, 10, {2, 0});
  EXPECT_EQ(order, again);
  EXPECT_NE(order, other);
  EXPECT_EQ(std::set<std::int64_t>(order.begin(), order.end()).size(), lengths.size());
  double spread = 0;
  for (std::size_t first = 0; first < 200; first += 10) {
    const auto [low, high] = std::minmax_element(order.begin() + first, order.begin() + first + 10,
                                                 [&](auto a, auto b) { return lengths[a] < lengths[b]; });
    spread += lengths[*high] - lengths[*low];
  }
  EXPECT_LT(spread / 20, 8) << "20 batches share a range of 99";
}

}  // namespace
}  // namespace longwave
