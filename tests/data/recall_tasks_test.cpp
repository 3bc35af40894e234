// The laws of copying, induction, recall and MQAR: counted over many samples, answers found again by a slow search.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

template <class Visit>
void visit(const SequenceData& data, std::int64_t count, const Visit& look, Split split = Split::train) {
  SequenceExample sample;
  for (std::int64_t i = 0; i < count; ++i) {
    data.example(split, i, sample);
    look(sample.first.tokens, sample.targets);
  }
}

using Tokens = std::vector<std::int32_t>;

/// Counts are those of equally likely cells, within five standard deviations.
void expect_uniform(const std::vector<double>& counts) {
  const auto mean = std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) EXPECT_NEAR(counts[i], mean, 5 * std::sqrt(mean)) << i;
}

TEST(Copying, MarkersAskForTheFirstTokensInOrder) {
  const auto data = make_set("copying", {{"noise", 30}, {"memorize", 5}, {"alphabet", 7}});
  std::vector<double> counts(5);
  visit(*data, 2000, [&](const Tokens& x, const Tokens& y) {
    ASSERT_EQ(x.size(), 40u);
    for (std::size_t i = 0; i < 40; ++i) {
      if (i < 5) ++counts[static_cast<std::size_t>(x[i] - 1)];
      if (i >= 5) {
        EXPECT_EQ(x[i], i < 35 ? 0 : 6);
      }
      EXPECT_EQ(y[i], i < 35 ? kIgnoredTarget : x[i - 35]);
    }
  });
  expect_uniform(counts);
}

TEST(Copying, WordsOfTheTestAreNeverTrainedOn) {
  const auto data = make_set("copying", {{"noise", 3}, {"memorize", 4}, {"alphabet", 8}});  // 1296 words
  std::set<Tokens> words[3];
  for (const auto split : {Split::train, Split::val, Split::test})
    visit(
        *data, 2000,
        [&](const Tokens& x, const Tokens&) { words[static_cast<int>(split)].emplace(x.begin(), x.begin() + 4); },
        split);
  EXPECT_GT(words[0].size(), 700u);
  for (const auto& word : words[2]) EXPECT_TRUE(!words[0].contains(word) && !words[1].contains(word));
}

TEST(Copying, OptionsVaryReverseAndLag) {
  std::vector<double> counts(4);
  const auto varied = make_set("copying", {{"noise", 10}, {"memorize", 4}, {"variable", true}, {"reverse", true}});
  visit(*varied, 4000, [&](const Tokens& x, const Tokens& y) {
    const auto m = (x.size() - 10) / 2;
    ++counts[m - 1];
    EXPECT_EQ(Tokens(y.end() - static_cast<std::ptrdiff_t>(m), y.end()),
              Tokens(x.rend() - static_cast<std::ptrdiff_t>(m), x.rend()));
  });
  expect_uniform(counts);
  const auto lagged = make_set("copying", {{"noise", 10}, {"lag", 3}});
  visit(*lagged, 20, [&](const Tokens& x, const Tokens& y) {
    for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(y[i], i < 3 ? kIgnoredTarget : x[i - 3]);
  });
}

TEST(SelectiveCopying, TokensStandAnywhereInFrontOfTheMarkers) {
  const auto data = make_set("selective-copying", {{"noise", 12}, {"memorize", 4}, {"alphabet", 10}});
  std::vector<double> places(16);
  visit(*data, 4000, [&](const Tokens& x, const Tokens& y) {
    ASSERT_EQ(x.size(), 20u);
    Tokens seen;
    for (std::size_t i = 0; i < 16; ++i)
      if (x[i] != 0) seen.push_back(x[i]), ++places[i];
    EXPECT_EQ(seen, Tokens(y.begin() + 16, y.end()));
    EXPECT_EQ(Tokens(x.begin() + 16, x.end()), Tokens(4, 9));
  });
  expect_uniform(places);
  EXPECT_NEAR(score_of(*data, "chance"), 1 / 8.0, 1e-12);
}

TEST(SelectiveCopying, DefaultsAreThePublishedOnes) {
  const auto data = make_set("selective-copying", Json::object());
  EXPECT_EQ(data->length(Split::train, 0), 4096);
  EXPECT_EQ(data->facts().vocabulary, 16);
}

TEST(Induction, LastPrefixAsksForWhatFollowedTheFirstOne) {
  const auto data = make_set("induction", {{"steps", 20}, {"test_steps", 320}});
  EXPECT_EQ(data->facts().max_length, 320);
  std::vector<double> places(18), answers(14);
  visit(*data, 9000, [&](const Tokens& x, const Tokens& y) {
    ASSERT_EQ(x.size(), 20u);
    const auto first = static_cast<std::size_t>(std::find(x.begin(), x.end(), 14) - x.begin());
    EXPECT_EQ(std::count(x.begin(), x.end(), 14), 2);
    EXPECT_EQ(x.back(), 14);
    EXPECT_EQ(y.back(), x[first + 1]);
    EXPECT_EQ(std::count(y.begin(), y.end(), kIgnoredTarget), 19);
    ++places[first];
    ++answers[static_cast<std::size_t>(y.back())];
  });
  EXPECT_EQ(places.back(), 0);  // the token behind the first prefix is an ordinary one: 0 .. 19 - 2
  places.pop_back();
  expect_uniform(places);
  expect_uniform(answers);
  visit(
      *data, 5, [](const Tokens& x, const Tokens&) { EXPECT_EQ(x.size(), 320u); }, Split::test);
  EXPECT_NEAR(score_of(*data, "chance"), 1 / 14.0, 1e-12);
}

TEST(Induction, TestLengthsShareTheirSplit) {
  const auto data =
      make_set("induction", {{"steps", 16}, {"test_steps", {16, 64, 32}}, {"test_samples", 10}, {"val_samples", 4}});
  EXPECT_EQ(data->facts().max_length, 64);
  std::map<std::int64_t, int> counts;
  for (std::int64_t i = 0; i < 10; ++i) {
    const auto steps = data->length(Split::test, i);
    const auto sample = example_of(*data, Split::test, i);
    EXPECT_EQ(std::ssize(sample.first.tokens), steps);
    EXPECT_NE(sample.targets.back(), kIgnoredTarget);
    ++counts[steps];
  }
  EXPECT_EQ(counts, (std::map<std::int64_t, int>{{16, 4}, {32, 3}, {64, 3}}));
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_EQ(data->length(Split::val, i), 16);
  EXPECT_THROW(make_set("induction", {{"test_steps", {256, 3}}}), UserError);
  EXPECT_THROW(make_set("induction", {{"test_steps", Json::array()}}), UserError);
}

TEST(Induction, SeveralTriggersRepeatTheSameTokensWithRoomBetween) {
  const auto data =
      make_set("induction", {{"steps", 40}, {"test_steps", 40}, {"triggers", 4}, {"copy", 3}, {"score_all", true}});
  int single = 0;
  visit(*data, 2000, [&](const Tokens& x, const Tokens& y) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < x.size(); ++i)
      if (x[i] == 14) places.push_back(i);
    ASSERT_GE(places.size(), 2u);
    single += places.size() == 2;
    EXPECT_EQ(places.back(), 37u);  // two of the three copied tokens are fed
    for (std::size_t k = 1; k < places.size(); ++k) {
      EXPECT_GE(places[k] - places[k - 1], 4u);
      for (std::size_t i = 1; i <= 3; ++i) EXPECT_EQ(places[k] + i < 40 ? x[places[k] + i] : y[39], x[places[0] + i]);
    }
    for (std::size_t i = 0; i + 1 < 40; ++i) EXPECT_EQ(y[i], x[i + 1]);  // in training, all steps are scored
  });
  EXPECT_NEAR(single, 1000, 150);  // half of the samples have one trigger only, and a few lose theirs to crowding
  visit(
      *data, 3, [](const Tokens&, const Tokens& y) { EXPECT_EQ(std::count(y.begin(), y.end(), kIgnoredTarget), 37); },
      Split::val);
}

TEST(Recall, QueryIsAKeyThatWasSeenAndItsValueTheAnswer) {
  for (const bool missing : {false, true}) {
    const auto data = make_set("recall", {{"vocabulary", 22}, {"steps", 18}, {"missing", missing}});
    int absent = 0;
    std::vector<double> queries(10);
    visit(*data, 3000, [&](const Tokens& x, const Tokens& y) {
      std::map<std::int32_t, std::int32_t> value_of;
      for (std::size_t i = 0; i < 16; i += 2) {
        EXPECT_TRUE(x[i] < 10 && x[i + 1] >= 10 && x[i + 1] < 20);
        const auto [entry, fresh] = value_of.emplace(x[i], x[i + 1]);
        EXPECT_EQ(entry->second, x[i + 1]);
      }
      EXPECT_EQ(x[16], 20);
      ++queries[static_cast<std::size_t>(x[17])];
      const auto found = value_of.find(x[17]);
      absent += found == value_of.end();
      EXPECT_EQ(y[17], found == value_of.end() ? 21 : found->second);
      EXPECT_EQ(std::count(y.begin(), y.end(), kIgnoredTarget), 17);
    });
    expect_uniform(queries);
    EXPECT_NEAR(absent / 3000.0, missing ? std::pow(0.9, 8) : 0, missing ? 0.05 : 0);
  }
}

TEST(Mqar, EveryKeyIsAskedOnceBehindThePairsAndItsValueIsTheTarget) {
  const auto data = make_set("mqar", {{"vocabulary", 128}, {"steps", 64}, {"pairs", 6}});
  visit(*data, 500, [&](const Tokens& x, const Tokens& y) {
    std::map<std::int32_t, std::int32_t> value_of;
    std::set<std::int32_t> values;
    for (std::size_t i = 0; i < 12; i += 2) {
      EXPECT_TRUE(x[i] >= 1 && x[i] < 64 && x[i + 1] >= 64 && x[i + 1] < 128);
      value_of[x[i]] = x[i + 1];
      values.insert(x[i + 1]);
    }
    EXPECT_EQ(value_of.size(), 6u);
    EXPECT_EQ(values.size(), 6u);
    std::set<std::int32_t> asked;
    for (std::size_t i = 0; i < 64; ++i) {
      if (y[i] == kIgnoredTarget) {
        if (i >= 12) {
          EXPECT_EQ(x[i], 0);
        }
        continue;
      }
      EXPECT_TRUE(i >= 12 && i % 2 == 0);
      EXPECT_EQ(y[i], value_of.at(x[i]));
      asked.insert(x[i]);
    }
    EXPECT_EQ(asked.size(), 6u);
  });
  EXPECT_NEAR(score_of(*data, "chance"), 1 / 64.0, 1e-12);
  EXPECT_NEAR(score_of(*data, "any value of the sample"), 1 / 6.0, 1e-9);
}

TEST(Mqar, FirstQueryFollowsThePowerLawAndTheOthersDrawFromTheRest) {
  for (const double a : {0.01, 1.0, 0.5}) {
    const auto data = make_set("mqar", {{"vocabulary", 64}, {"steps", 24}, {"pairs", 2}, {"power", a}});
    const std::size_t slots = 10;
    std::vector<double> law(slots), first(slots), second(slots), expected(slots);
    for (std::size_t i = 0; i < slots; ++i) law[i] = std::pow(static_cast<double>(i + 1), a - 1);
    const auto sum = std::accumulate(law.begin(), law.end(), 0.0);
    for (auto& p : law) p /= sum;
    for (std::size_t i = 0; i < slots; ++i)
      for (std::size_t j = 0; j < slots; ++j)
        if (j != i) expected[i] += law[j] * law[i] / (1 - law[j]);
    const int samples = 20000;
    visit(*data, samples, [&](const Tokens& x, const Tokens&) {
      for (std::size_t slot = 0; slot < slots; ++slot) {
        if (x[4 + 2 * slot] == x[0]) ++first[slot];
        if (x[4 + 2 * slot] == x[2]) ++second[slot];
      }
    });
    for (std::size_t i = 0; i < slots; ++i) {
      EXPECT_NEAR(first[i] / samples, law[i], 5 * std::sqrt(law[i] / samples)) << a << " slot " << i;
      EXPECT_NEAR(second[i] / samples, expected[i], 5 * std::sqrt(expected[i] / samples)) << a << " slot " << i;
    }
  }
}

TEST(Mqar, LatestValueCountsWhereKeysAreReassigned) {
  const auto data = make_set("mqar", {{"vocabulary", 128}, {"steps", 40}, {"pairs", 5}, {"reassigned", 3}});
  visit(*data, 300, [&](const Tokens& x, const Tokens& y) {
    std::map<std::int32_t, std::int32_t> latest;
    std::set<std::int32_t> values;
    int changed = 0;
    for (std::size_t i = 0; i < 16; i += 2) {
      changed += latest.contains(x[i]);
      latest[x[i]] = x[i + 1];
      values.insert(x[i + 1]);
    }
    EXPECT_EQ(changed, 3);
    EXPECT_EQ(values.size(), 8u);
    int asked = 0;
    for (std::size_t i = 16; i < 40; ++i)
      if (y[i] != kIgnoredTarget) {
        EXPECT_EQ(y[i], latest.at(x[i]));
        ++asked;
      }
    EXPECT_EQ(asked, 5);
  });
}

TEST(Mqar, FillerIsUniformOverTheVocabularyIfWanted) {
  const auto data = make_set("mqar", {{"vocabulary", 26}, {"steps", 24}, {"pairs", 2}, {"random_filler", true}});
  std::vector<double> counts(26);
  visit(*data, 4000, [&](const Tokens& x, const Tokens& y) {
    for (std::size_t i = 4; i < 24; ++i)
      if (y[i] == kIgnoredTarget) ++counts[static_cast<std::size_t>(x[i])];
  });
  expect_uniform(counts);
}

TEST(Mqar, MixtureHasThePublishedShares) {
  const auto data = make_set("mqar", {{"mixture", "based"}, {"train_samples", 1800}, {"test_samples", 70}});
  std::map<std::int64_t, int> train, test;
  for (std::int64_t i = 0; i < 1800; ++i) ++train[data->length(Split::train, i)];
  for (std::int64_t i = 0; i < 70; ++i) ++test[data->length(Split::test, i)];
  EXPECT_EQ(train, (std::map<std::int64_t, int>{{64, 1000}, {128, 200}, {256, 600}}));
  EXPECT_EQ(test, (std::map<std::int64_t, int>{{64, 30}, {128, 10}, {256, 10}, {512, 10}, {1024, 10}}));
  EXPECT_EQ(data->facts().group, "pairs");  // three kinds of the test have 64 steps
  std::map<std::int64_t, int> pairs;
  for (std::int64_t i = 0; i < 70; ++i) ++pairs[data->group(Split::test, i)];
  EXPECT_EQ(pairs, (std::map<std::int64_t, int>{{4, 10}, {8, 10}, {16, 10}, {32, 10}, {64, 10}, {128, 10}, {256, 10}}));
}

TEST(Mqar, WhatDoesNotFitIsRefused) {
  EXPECT_THROW(make_set("mqar", {{"steps", 64}, {"pairs", 17}}), UserError);
  EXPECT_THROW(make_set("mqar", {{"steps", 63}}), UserError);
  EXPECT_THROW(make_set("mqar", {{"vocabulary", 64}, {"steps", 64}}), UserError);
  EXPECT_THROW(make_set("recall", {{"steps", 7}}), UserError);
  EXPECT_THROW(make_set("induction", {{"steps", 5}, {"copy", 3}}), UserError);
}

}  // namespace
}  // namespace longwave
