#include "longwave/data/sequence_split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace longwave {
namespace {

TEST(SequenceSplit, ShuffleIsAPermutationThatTheSeedDecides) {
  const auto order = shuffled(101, 7);
  EXPECT_EQ(std::set<std::int64_t>(order.begin(), order.end()).size(), 101u);
  EXPECT_EQ(*std::max_element(order.begin(), order.end()), 100);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order, shuffled(101, 7));
  EXPECT_NE(order, shuffled(101, 8));
  EXPECT_TRUE(shuffled(0, 1).empty());
}

TEST(SequenceSplit, ShuffleIsUniform) {  // where position 0 goes, over 6000 seeds: 1000 expected each, deviation 29
  std::vector<int> counts(6);
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    const auto order = shuffled(6, seed);
    ++counts[std::find(order.begin(), order.end(), 0) - order.begin()];
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 130);
}

TEST(SequenceSplit, PermutationsOfTorchAndNumpyAreTheirs) {  // as torch 1.13 and NumPy print them
  EXPECT_EQ(torch_permutation(10, 42), (std::vector<std::int64_t>{2, 6, 1, 8, 4, 5, 0, 9, 3, 7}));
  const auto large = torch_permutation(50000, 42);
  EXPECT_EQ(std::vector<std::int64_t>(large.begin(), large.begin() + 6),
            (std::vector<std::int64_t>{37542, 44491, 216, 43688, 41558, 32245}));
  EXPECT_EQ(std::vector<std::int64_t>(large.end() - 4, large.end()),
            (std::vector<std::int64_t>{22458, 40730, 25847, 33082}));
  EXPECT_EQ(numpy_permutation(10, 42), (std::vector<std::int64_t>{8, 1, 5, 0, 7, 2, 9, 4, 3, 6}));
}

TEST(SequenceSplit, HoldOutTakesTheShareOfEveryClass) {
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 137; ++i) labels.push_back(i % 10 == 3 ? 2 : i % 3 == 0);  // 14 of class 2
  const auto parts = hold_out(labels, 0.1, 5);
  const auto held = [&](std::int32_t label) {
    return std::count_if(parts.held_out.begin(), parts.held_out.end(), [&](auto i) { return labels[i] == label; });
  };
  for (const std::int32_t label : {0, 1, 2})
    EXPECT_EQ(held(label), std::lround(0.1 * std::count(labels.begin(), labels.end(), label))) << label;
  auto all = parts.kept;
  all.insert(all.end(), parts.held_out.begin(), parts.held_out.end());
  EXPECT_EQ(std::set<std::int64_t>(all.begin(), all.end()).size(), labels.size());
  EXPECT_TRUE(std::is_sorted(parts.held_out.begin(), parts.held_out.end()));
  EXPECT_NE(parts.held_out, hold_out(labels, 0.1, 6).held_out);
  EXPECT_TRUE(hold_out(labels, 0, 5).held_out.empty());
}

TEST(SequenceSplit, HoldOutLeavesNoPartOfAClassEmpty) {
  const std::vector<std::int32_t> labels{0, 0, 1, 1, 2};
  for (const double share : {0.01, 0.1, 0.99}) {
    const auto parts = hold_out(labels, share, 1);
    std::set<std::int32_t> held, kept;
    for (const auto i : parts.held_out) held.insert(labels[i]);
    for (const auto i : parts.kept) kept.insert(labels[i]);
    EXPECT_TRUE(held.contains(0) && held.contains(1)) << share;
    EXPECT_TRUE(kept.contains(0) && kept.contains(1)) << share;
  }
  EXPECT_EQ(hold_out(labels, 1, 1).held_out.size(), labels.size());
  EXPECT_TRUE(hold_out({0, 1, 2}, 0.1, 1).held_out.empty()) << "the only one of its class trains";
}

TEST(SequenceSplit, BalancedSubsetHasEquallyManyOfEachClass) {
  std::vector<std::int32_t> labels(90, 0);
  labels.insert(labels.end(), 8, 4);
  labels.insert(labels.end(), 2, 1);
  const auto subset = balanced_subset(labels, 15, 3);
  const auto chosen = [&](std::int32_t label) {
    return std::count_if(subset.begin(), subset.end(), [&](auto i) { return labels[i] == label; });
  };
  EXPECT_EQ(chosen(1), 2);  // all there are
  EXPECT_EQ(chosen(0), 7);  // the first class gets the odd one
  EXPECT_EQ(chosen(4), 6);
  EXPECT_EQ(balanced_subset(labels, 0, 3).size(), labels.size());
  EXPECT_EQ(balanced_subset(labels, 1000, 3).size(), labels.size());
  EXPECT_EQ(subset, balanced_subset(labels, 15, 3));
  EXPECT_NE(subset, balanced_subset(labels, 15, 4));
}

}  // namespace
}  // namespace longwave
