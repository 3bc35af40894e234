#include <gtest/gtest.h>

#include <cmath>

#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

const std::string kHeader = "@problemName Toy\n@dimensions 2\n@classLabel true up down\n@data\n";

std::string toy(int n) {
  std::string text = kHeader;
  for (int i = 0; i < n; ++i) {
    const auto level = std::to_string(i % 2 == 0 ? 10 : -10);
    text += level + "," + std::to_string(i) + (i % 3 == 0 ? ",?" : "") + ":5,5" + (i % 3 == 0 ? ",5" : "") +
            (i % 2 == 0 ? ":up\n" : ":down\n");
  }
  return text;
}

TEST(Uea, ChannelsAreStandardisedByTheTrainingFile) {
  ScratchFolder folder;
  folder.put("Toy_TRAIN.ts", toy(30));
  folder.put("Toy_TEST.ts", toy(6));
  const auto data = make_set("uea", {{"name", "Toy"}, {"validation", 0.2}}, {folder.path()});
  EXPECT_EQ(class_counts(*data, Split::train), (std::vector<std::int64_t>{12, 12}));
  EXPECT_EQ(class_counts(*data, Split::val), (std::vector<std::int64_t>{3, 3}));
  EXPECT_EQ(class_counts(*data, Split::test), (std::vector<std::int64_t>{3, 3}));
  EXPECT_EQ(data->facts().max_length, 3);
  EXPECT_EQ(data->facts().protocol, "uea-official");
  double sum = 0, squares = 0, count = 0;
  for (const auto split : {Split::train, Split::val})
    for (std::int64_t i = 0; i < data->samples(split); ++i) {
      const auto values = example_of(*data, split, i).first.values;
      for (std::size_t k = 0; k < values.size(); k += 2) sum += values[k], squares += values[k] * values[k], ++count;
      EXPECT_EQ(values[1], 0) << "a constant channel";
    }
  EXPECT_NEAR(sum / count, 0, 1e-6);
  EXPECT_NEAR(squares / count, 1, 1e-5);
  const auto first = example_of(*data, Split::test, 0);
  ASSERT_EQ(first.first.values.size(), 6u);
  EXPECT_EQ(first.first.values[4], first.first.values[2]);  // the missing step has its neighbour's value
  EXPECT_TRUE(found_says(*data, "missing values are filled"));
  EXPECT_EQ(data->baselines().at(0).score, 0.5);
  const auto by_path = make_set("uea", {{"name", (folder.path() / "Toy").string()}}, {});
  EXPECT_EQ(by_path->facts().content_hash, data->facts().content_hash);
}

TEST(Uea, NamesOfClassesInLatin1AreText) {
  ScratchFolder folder;
  const std::string text =
      "@dimensions 1\n@classLabel true b\xf6se gut\n@data\n1,2:b\xf6se\n3,4:gut\n1,2:b\xf6se\n3,4:gut\n";
  folder.put("Toy_TRAIN.ts", text);
  folder.put("Toy_TEST.ts", text);
  const auto data = make_set("uea", {{"name", "Toy"}, {"validation", 0}}, {folder.path()});
  EXPECT_EQ(data->facts().class_names, (std::vector<std::string>{"b\u00f6se", "gut"}));
}

TEST(Uea, FilesThatDoNotBelongTogetherAreRefused) {
  ScratchFolder folder;
  const auto error = [&] { return message_of([&] { make_set("uea", {{"name", "Toy"}}, {folder.path()}); }); };
  EXPECT_NE(error().find("UEA/UCR set Toy not found"), std::string::npos);
  EXPECT_NE(error().find("Toy_TRAIN.ts + Toy_TEST.ts"), std::string::npos);
  folder.put("Toy_TRAIN.ts", toy(4));
  folder.put("Toy_TEST.ts", "@dimensions 1\n@classLabel true up down\n@data\n1,2:up\n");
  EXPECT_NE(error().find("Toy_TEST.ts: 1 channels"), std::string::npos);
  folder.put("Toy_TEST.ts", "@dimensions 2\n@classLabel true up down\n@data\n1,2:3,4:up\n1,2:?,?:up\n");
  EXPECT_NE(error().find("Toy_TEST.ts: series 2: channel 2 has only missing values"), std::string::npos) << error();
}

}  // namespace
}  // namespace longwave
