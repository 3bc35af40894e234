#include <gtest/gtest.h>

#include <set>

#include "longwave/data/sequence_split.h"
#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

/// A record whose pixels are all (red, green, blue).
std::string record(int label, int red, int green, int blue) {
  return static_cast<char>(label) + std::string(1024, static_cast<char>(red)) +
         std::string(1024, static_cast<char>(green)) + std::string(1024, static_cast<char>(blue));
}

class CifarSets : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 40; ++i) train_ += record(i % 10, i, 0, 0);
    folder_.put("cifar10_subset/train_10k.bin", train_);
    folder_.put("cifar10_subset/test_2k.bin", record(6, 200, 100, 50) + record(1, 255, 255, 255));
  }
  std::shared_ptr<const SequenceData> open(const std::string& name, const Json& settings = Json::object()) {
    return make_set(name, settings, {folder_.path()});
  }
  ScratchFolder folder_;
  std::string train_;
};

TEST_F(CifarSets, GreyIsPillowsAndStandardised) {
  const auto data = open("image");
  EXPECT_EQ(data->facts().protocol, "lra-strict");
  EXPECT_EQ(data->facts().masking.ratio, 0.5);
  const auto frog = example_of(*data, Split::test, 0);
  EXPECT_EQ(frog.label, 6);
  ASSERT_EQ(frog.first.values.size(), 1024u);
  EXPECT_NEAR(frog.first.values[5], (124 - 122.6) / 61, 1e-6);  // (19595*200 + 38470*100 + 7471*50 + 32768) >> 16
  EXPECT_TRUE(found_says(*data, "a part of CIFAR-10"));
}

TEST_F(CifarSets, TheOriginalProtocolHasTokensAndTheLastTenthValidates) {
  const auto data = open("image", {{"protocol", "lra-2020"}});
  EXPECT_EQ(data->facts().vocabulary, 257);
  EXPECT_EQ(data->facts().channels, 0);
  const auto frog = example_of(*data, Split::test, 0), white = example_of(*data, Split::test, 1);
  EXPECT_EQ(frog.first.tokens, std::vector<std::int32_t>(1024, 124));
  EXPECT_EQ(white.first.tokens[0], 255);
  ASSERT_EQ(data->samples(Split::val), 4);
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_EQ(example_of(*data, Split::val, i).label, (36 + i) % 10);
}

TEST_F(CifarSets, TheRandomTenthIsTorchs) {
  const auto data = open("image", {{"encoding", "tokens"}});
  EXPECT_EQ(data->facts().protocol, "lra-strict, tokens") << "not the numbers that this protocol has";
  EXPECT_EQ(open("image", {{"encoding", "real"}, {"protocol", "lra-2020"}})->facts().protocol, "lra-2020, real");
  const auto order = torch_permutation(40, 42);
  std::multiset<std::int32_t> expected, got;
  for (std::size_t i = 36; i < 40; ++i) expected.insert(static_cast<std::int32_t>(order[i] % 10));
  for (std::int64_t i = 0; i < 4; ++i) got.insert(example_of(*data, Split::val, i).label);
  EXPECT_EQ(got, expected);
}

TEST_F(CifarSets, ColourHasThreeChannelsAStep) {
  const auto data = open("scifar", {{"pool", 2}});
  const auto frog = example_of(*data, Split::test, 0);
  EXPECT_EQ(data->facts().channels, 3);
  EXPECT_EQ(data->facts().protocol, "scifar-s4");
  EXPECT_EQ(data->facts().masking.ratio, 0.5);
  EXPECT_EQ(data->facts().max_length, 256);
  ASSERT_EQ(frog.first.values.size(), 768u);
  EXPECT_NEAR(frog.first.values[3], (200 / 255. - 0.4914) / 0.247, 1e-5);
  EXPECT_NEAR(frog.first.values[4], (100 / 255. - 0.4822) / 0.243, 1e-5);
  EXPECT_NEAR(frog.first.values[5], (50 / 255. - 0.4465) / 0.261, 1e-5);
}

TEST_F(CifarSets, DamageIsNamed) {
  folder_.put("cifar10_subset/test_2k.bin", train_.substr(0, 5000));
  EXPECT_NE(message_of([&] { open("image"); }).find("test_2k.bin: 5000 bytes; expected records of 3073 bytes"),
            std::string::npos);
}

}  // namespace
}  // namespace longwave
