// Sets of images, speech, DNA and time series that are here hold what their sources state.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/data/data_folder.h"
#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

using Counts = std::vector<std::int64_t>;

/// The set, or null where it is not here.
std::shared_ptr<const SequenceData> here(const std::string& name, const Json& settings = Json::object()) {
  try {
    return make_set(name, settings, test_data_roots());
  } catch (const DataNotFound&) {
    return nullptr;
  }
}

#define SKIP_IF_ABSENT(data) \
  if (!data) GTEST_SKIP() << "the set is not here; set LONGWAVE_DATA to a folder that has it"

std::int64_t greatest_length(const SequenceData& data, Split split) {
  std::int64_t most = 0;
  for (std::int64_t i = 0; i < data.samples(split); ++i) most = std::max(most, data.length(split, i));
  return most;
}

TEST(RealSequences, Mnist) {
  const auto data = here("smnist");
  SKIP_IF_ABSENT(data);
  EXPECT_EQ(data->samples(Split::train), 54000);
  EXPECT_EQ(data->samples(Split::val), 6000);
  EXPECT_EQ(data->samples(Split::test), 10000);
  double sum = 0, squares = 0;
  SequenceExample sample;
  for (const auto split : {Split::train, Split::val})
    for (std::int64_t i = 0; i < data->samples(split); ++i) {
      data->example(split, i, sample);
      for (const double x : sample.first.values) sum += x, squares += x * x;
    }
  const auto mean = sum / (60000 * 784);
  EXPECT_NEAR(mean, 0.1307, 5e-5);
  EXPECT_NEAR(std::sqrt(squares / (60000 * 784) - mean * mean), 0.3081, 5e-5);
  EXPECT_EQ(class_counts(*data, Split::test), (Counts{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  const auto baselines = data->baselines();
  EXPECT_NEAR(baselines[0].score, 0.1135, 1e-6);
  EXPECT_NEAR(baselines[1].score, 0.82, 0.01);
}

TEST(RealSequences, CifarPart) {
  const auto data = here("image");
  SKIP_IF_ABSENT(data);
  if (data->samples(Split::test) != 2000) GTEST_SKIP() << "not the part of 10,000 + 2,000";
  EXPECT_EQ(data->samples(Split::train) + data->samples(Split::val), 10000);
  EXPECT_EQ(class_counts(*data, Split::test), Counts(10, 200));
  EXPECT_EQ(data->facts().max_length, 1024);
}

TEST(RealSequences, SpokenDigits) {
  const auto data = here("spoken-digits");
  SKIP_IF_ABSENT(data);
  EXPECT_TRUE(found_says(*data, "2500 recordings"));
  EXPECT_EQ(class_counts(*data, Split::test), Counts(10, 25));
  EXPECT_EQ(class_counts(*data, Split::val), Counts(10, 23));  // 22.5, rounded
  EXPECT_EQ(data->samples(Split::train), 2020);
}

TEST(RealSequences, ArabidopsisPromoters) {
  const auto data = here("dna", {{"name", "arabidopsis_tata"}});
  SKIP_IF_ABSENT(data);
  Counts counts(2);
  for (const auto split : {Split::train, Split::val, Split::test})
    for (int k = 0; k < 2; ++k) counts[k] += class_counts(*data, split)[k];
  EXPECT_EQ(counts, (Counts{11459, 1497}));
  EXPECT_EQ(data->facts().max_length, 251);
  const auto baselines = data->baselines();
  EXPECT_GT(baselines[1].score, 0.5);
}

TEST(RealSequences, TimeSeries) {
  struct Known {
    const char* name;
    std::int64_t train, test, channels, classes, length;
  };
  for (const auto& known : {Known{"JapaneseVowels", 270, 370, 12, 9, 29}, Known{"BasicMotions", 40, 40, 6, 4, 100},
                            Known{"GunPoint", 50, 150, 1, 2, 150}}) {
    const auto data = here("uea", {{"name", known.name}});
    SKIP_IF_ABSENT(data);
    EXPECT_EQ(data->samples(Split::train) + data->samples(Split::val), known.train);
    EXPECT_EQ(data->samples(Split::test), known.test);
    EXPECT_EQ(data->facts().channels, known.channels);
    EXPECT_EQ(data->facts().classes, known.classes);
    EXPECT_EQ(greatest_length(*data, Split::test), known.length);
  }
}

TEST(RealSequences, SamplesAreTheSameFromManyThreads) {
  const auto data = here("spoken-digits");
  SKIP_IF_ABSENT(data);
  std::vector<SequenceExample> alone(64), together(64);
  for (std::int64_t i = 0; i < 64; ++i) data->example(Split::train, i, alone[i]);
#pragma omp parallel for num_threads(4)
  for (std::int64_t i = 0; i < 64; ++i) data->example(Split::train, i, together[i]);
  for (int i = 0; i < 64; ++i) EXPECT_EQ(alone[i].first.values, together[i].first.values);
}

}  // namespace
}  // namespace longwave
