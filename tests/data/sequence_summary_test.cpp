#include "longwave/data/sequence_summary.h"

#include <gtest/gtest.h>

namespace longwave {
namespace {

/// Samples given as token lists, labelled by their first token.
class Listed final : public SequenceData {
 public:
  explicit Listed(std::vector<std::vector<std::vector<std::int32_t>>> splits, const std::string& hash = "")
      : splits_(std::move(splits)) {
    facts_.classes = 3;
    facts_.class_names = {"bad", "fair", "good"};
    facts_.content_hash = hash;
  }
  const SequenceFacts& facts() const override { return facts_; }
  std::int64_t samples(Split split) const override { return static_cast<std::int64_t>(of(split).size()); }
  std::int64_t length(Split split, std::int64_t i) const override {
    return static_cast<std::int64_t>(of(split)[i].size());
  }
  void example(Split split, std::int64_t i, SequenceExample& out) const override {
    out.first.tokens = of(split)[i];
    out.label = of(split)[i][0];
  }

 private:
  const std::vector<std::vector<std::int32_t>>& of(Split split) const {
    return splits_[static_cast<std::size_t>(split)];
  }
  SequenceFacts facts_;
  std::vector<std::vector<std::vector<std::int32_t>>> splits_;
};

TEST(SequenceSummary, CountsLengthsAndDuplicates) {
  const Listed data({{{0, 1}, {0, 1}, {2, 2, 2, 2, 2}, {0, 1}, {1}}, {}, {{2, 2, 2, 2, 2}, {0, 2}, {1}}});
  const auto summary = summarize(data);
  ASSERT_EQ(summary.splits.size(), 2u);
  const auto& train = summary.splits[0];
  EXPECT_EQ(train.samples, 5);
  EXPECT_EQ(train.classes, (std::vector<std::int64_t>{3, 1, 1}));
  EXPECT_EQ(train.shortest, 1);
  EXPECT_EQ(train.median, 2);
  EXPECT_EQ(train.longest, 5);
  EXPECT_DOUBLE_EQ(train.mean_length, 12. / 5);
  EXPECT_EQ(train.histogram[0], 1);
  EXPECT_EQ(train.histogram[3], 3);  // length 2 of 1 .. 5
  EXPECT_EQ(train.histogram[12], 1);
  EXPECT_EQ(summary.splits[1].split, Split::test);
  EXPECT_EQ(summary.twice_in_train, 2);
  EXPECT_EQ(summary.val_in_train, 0);
  EXPECT_EQ(summary.test_in_train, 2);
  EXPECT_EQ(summary.test_in_val, 0);
}

TEST(SequenceSummary, CountsTestSamplesThatValidateToo) {
  const auto summary = summarize(Listed({{{0, 1}}, {{1, 1}, {2}}, {{2}, {1, 1}, {0, 1}, {1, 2}}}));
  EXPECT_EQ(summary.val_in_train, 0);
  EXPECT_EQ(summary.test_in_train, 1);
  EXPECT_EQ(summary.test_in_val, 2);
}

TEST(SequenceSummary, SamplesThatTwoSetsShare) {
  const Listed trained({{{0, 1}, {2, 2}}, {{1}}, {}}), scored({{}, {}, {{2, 2}, {1}, {0, 1}, {0, 1}}});
  EXPECT_EQ(shared_samples(trained, Split::train, scored, Split::test), 3);
  EXPECT_EQ(shared_samples(trained, Split::val, scored, Split::test), 1);
  EXPECT_EQ(shared_samples(trained, Split::test, scored, Split::test), 0);
}

TEST(SequenceSummary, PairsAreDuplicatesOnlyAsPairs) {
  class Pairs final : public SequenceData {
   public:
    Pairs() { facts_.goal = SequenceGoal::classify_pair, facts_.classes = 1; }
    const SequenceFacts& facts() const override { return facts_; }
    std::int64_t samples(Split) const override { return 1; }
    std::int64_t length(Split, std::int64_t) const override { return 1; }
    void example(Split split, std::int64_t, SequenceExample& out) const override {
      out.first.tokens = {1};
      out.second.tokens = {split == Split::test ? 2 : 1};
      out.label = 0;
    }

   private:
    SequenceFacts facts_;
  };
  const auto summary = summarize(Pairs());
  EXPECT_EQ(summary.val_in_train, 1);
  EXPECT_EQ(summary.test_in_train, 0);
}

TEST(SequenceSummary, CautionsNameClassesWithoutSamplesAndTestSamplesThatTrain) {
  const std::vector<std::vector<std::vector<std::int32_t>>> splits{{{0, 1}, {1, 2}}, {}, {{0, 1}, {2}, {1, 1}}};
  EXPECT_EQ(sample_cautions(Listed(splits, "of files")),
            (std::vector<std::string>{"1 of 3 classes have no sample in train: good",
                                      "1 of 3 test samples are in train too, which flatters the score"}));
  EXPECT_TRUE(sample_cautions(Listed(splits)).empty()) << "generated sets keep their splits apart by themselves";
  EXPECT_TRUE(sample_cautions(Listed({{{0}, {1}, {2}}, {}, {{0, 1}, {1, 1}, {2, 1}}}, "of files")).empty());
}

TEST(SequenceSummary, SplitNames) {
  EXPECT_EQ(split_of("val"), Split::val);
  EXPECT_THROW(split_of("valid"), UserError);
}

}  // namespace
}  // namespace longwave
