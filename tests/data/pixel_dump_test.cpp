#include <gtest/gtest.h>

#include <array>

#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

void put_part(const ScratchFolder& folder, const std::string& part, const std::string& images,
              const std::string& labels) {
  folder.put("input/" + part + ".src", images);
  folder.put("label/" + part + ".label", labels);
}

class PixelDump : public testing::Test {
 protected:
  void SetUp() override {
    put_part(folder_, "train", "0 51 102 255\n255 0 0 0\n", "0\n2\n");
    put_part(folder_, "valid", "1 2 3 4\r\n", "1\r\n");
    put_part(folder_, "test", "5 6 7 8", "2");  // no newline at the end
  }
  ScratchFolder folder_;
};

TEST_F(PixelDump, LinesAreImagesAndLabels) {
  const auto data = make_set("pixel-dump", {{"mean", 0.5}, {"deviation", 0.5}}, {folder_.path()});
  EXPECT_EQ(data->samples(Split::train), 2);
  EXPECT_EQ(data->samples(Split::val), 1);
  EXPECT_EQ(data->samples(Split::test), 1);
  EXPECT_EQ(data->facts().classes, 3);
  EXPECT_EQ(data->facts().max_length, 4);
  EXPECT_EQ(data->facts().protocol, "lra-mega");
  const auto first = example_of(*data, Split::train, 0);
  EXPECT_EQ(first.label, 0);
  ASSERT_EQ(first.first.values.size(), 4u);
  const std::array<float, 4> expected{-1, -0.6f, -0.2f, 1};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(first.first.values[i], expected[i]);
  EXPECT_EQ(example_of(*data, Split::test, 0).label, 2);
  const auto pooled = make_set("pixel-dump", {{"mean", 0}, {"deviation", 1}, {"pool", 2}}, {folder_.path()});
  EXPECT_FLOAT_EQ(example_of(*pooled, Split::train, 0).first.values.at(0), 102.f / 255);
}

TEST_F(PixelDump, ClassesHaveNoGaps) {
  const auto gap = make_set("pixel-dump", Json::object(), {folder_.path()});
  EXPECT_EQ(gap->facts().caution,
            "1 of the classes 0 .. 2 have no sample that trains; the largest first in line 2 of train.label");
  put_part(folder_, "train", "0 51 102 255\n255 0 0 0\n1 2 3 4\n", "0\n57\n2\n");
  EXPECT_EQ(error_of_set("pixel-dump", Json::object(), {folder_.path()}),
            (folder_.path() / "label/train.label").string() +
                ":2: label 57, while 55 of the classes 0 .. 57 have no sample that trains; expected classes 0, 1, 2, "
                "..., without gaps");
  put_part(folder_, "train", "0 51 102 255\n255 0 0 0\n1 2 3 4\n", "0\n1\n2\n");
  EXPECT_EQ(make_set("pixel-dump", Json::object(), {folder_.path()})->facts().caution, "");
}

TEST_F(PixelDump, MistakesAreNamedWithTheirPlace) {
  const auto error = [&] { return error_of_set("pixel-dump", {}, {folder_.path()}); };
  put_part(folder_, "test", "5 6 7 8", "57");
  EXPECT_NE(error().find("test.label:1: label 57; expected 0 .. 2"), std::string::npos) << error();
  put_part(folder_, "train", "0 51 102 255\n255 0 256 0\n", "0\n2\n");
  EXPECT_NE(error().find("train.src:2:7: expected an integer from 0 to 255"), std::string::npos) << error();
  put_part(folder_, "train", "0 51 102 255\n255 0 0\n", "0\n2\n");
  EXPECT_NE(error().find("train.src:2: 3 pixels; expected 4"), std::string::npos) << error();
  put_part(folder_, "train", "0 51 102 255\n", "0\n2\n");
  EXPECT_NE(error().find("train.label: 2 labels; expected one for each of the 1 images"), std::string::npos) << error();
  put_part(folder_, "train", "0 51 102 255\n1 2 3 4\n", "0 1\n\n");
  EXPECT_NE(error().find("train.label:1: expected one label in every line"), std::string::npos) << error();
  put_part(folder_, "train", "\n", "0\n");
  EXPECT_NE(error().find("train.src:1: no pixels"), std::string::npos) << error();
  put_part(folder_, "train", "0 51 102 255\n", "zero\n");
  EXPECT_NE(error().find("train.label:1:1: expected an integer"), std::string::npos) << error();
}

}  // namespace
}  // namespace longwave
