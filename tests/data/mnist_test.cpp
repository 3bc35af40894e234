#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "longwave/data/sequence_split.h"
#include "longwave/data/sequence_summary.h"
#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

using namespace std::string_literals;

/// `n` images; image i has level i in its first pixel, 4 in the third, 8 in the two below that and to its right.
void put_digits(const ScratchFolder& folder, const std::string& part, int n, int first_label = 0,
                const std::string& place = "mnist/") {
  std::string images = "\0\0\x8\3\0\0\0"s + static_cast<char>(n) + "\0\0\0\x1c\0\0\0\x1c"s;
  std::string labels = "\0\0\x8\1\0\0\0"s + static_cast<char>(n);
  for (int i = 0; i < n; ++i) {
    std::string image(28 * 28, '\0');
    image[0] = static_cast<char>(i);
    image[2] = 4;
    image[3] = image[30] = 8;
    images += image;
    labels += static_cast<char>((i + first_label) % 10);
  }
  folder.put(place + part + "-images-idx3-ubyte", images);
  folder.put(place + part + "-labels-idx1-ubyte", labels);
}

class Mnist : public testing::Test {
 protected:
  void SetUp() override {
    put_digits(folder_, "train", 120);
    put_digits(folder_, "t10k", 20);
  }
  std::shared_ptr<const SequenceData> open(const std::string& name, const Json& settings = Json::object()) {
    return make_set(name, settings, {folder_.path()});
  }
  ScratchFolder folder_;
};

TEST_F(Mnist, StepsAreThePixelsRowByRow) {
  const auto data = open("smnist");
  EXPECT_EQ(data->samples(Split::train), 108);
  EXPECT_EQ(data->samples(Split::val), 12);
  EXPECT_EQ(data->samples(Split::test), 20);
  const auto seventh = example_of(*data, Split::test, 7);
  EXPECT_EQ(seventh.label, 7);
  ASSERT_EQ(seventh.first.values.size(), 784u);
  EXPECT_FLOAT_EQ(seventh.first.values[0], 7.f / 255);
  EXPECT_FLOAT_EQ(seventh.first.values[30], 8.f / 255);
  EXPECT_EQ(data->facts().max_length, 784);
  EXPECT_EQ(data->facts().protocol, "smnist-s4");
  EXPECT_EQ(open("pmnist")->facts().protocol, "pmnist-bit-reversal");
  EXPECT_EQ(data->facts().channels, 1);
}

TEST(MnistLayouts, TorchvisionsFoldersAreFound) {
  const ScratchFolder folder;
  for (const auto& [part, n] : {std::pair{"train", 120}, {"t10k", 20}})
    put_digits(folder, part, n, 0, "mnist/MNIST/raw/");
  EXPECT_EQ(make_set("smnist", Json::object(), {folder.path()})->samples(Split::test), 20);
}

TEST_F(Mnist, PoolingTakesTheMeanOfFourPixels) {
  const auto sample = example_of(*open("smnist", {{"pool", 2}}), Split::test, 8);
  ASSERT_EQ(sample.first.values.size(), 196u);
  EXPECT_FLOAT_EQ(sample.first.values[0], 8.f / 4 / 255);
  EXPECT_FLOAT_EQ(sample.first.values[1], (4.f + 8 + 8) / 4 / 255);
}

TEST_F(Mnist, TrainAndValidationTogetherAreTheTrainingFile) {
  const auto data = open("smnist");
  std::multiset<int> levels;
  for (const auto split : {Split::train, Split::val})
    for (std::int64_t i = 0; i < data->samples(split); ++i)
      levels.insert(static_cast<int>(std::lround(example_of(*data, split, i).first.values[0] * 255)));
  EXPECT_EQ(levels.size(), 120u);
  EXPECT_EQ(std::set<int>(levels.begin(), levels.end()).size(), 120u);
}

TEST_F(Mnist, EqualImagesInTrainAndTestAreCounted) {  // test image i is training image i, unless that validates
  const auto data = open("smnist");
  const auto order = torch_permutation(120, 42);
  const auto expected = std::count_if(order.begin(), order.begin() + 108, [](auto item) { return item < 20; });
  const auto summary = summarize(*data);
  EXPECT_EQ(summary.val_in_train, 0);
  EXPECT_EQ(summary.test_in_train, expected);
}

TEST_F(Mnist, BothPermutationsAreTheKnownOnes) {
  const auto plain = example_of(*open("smnist"), Split::test, 7).first.values;
  const auto reversed = example_of(*open("pmnist"), Split::test, 7).first.values;
  EXPECT_EQ(reversed[0], plain[0]);
  EXPECT_EQ(reversed[1], plain[512]);  // 0000000001 backwards
  EXPECT_EQ(reversed[2], plain[256]);
  EXPECT_EQ(reversed[3], plain[128]);  // 768 = 0000000011 backwards is below 784
  const auto numpy = example_of(*open("pmnist", {{"permutation", "numpy-92916"}}), Split::test, 7).first.values;
  const auto order = numpy_permutation(784, 92916);
  for (std::size_t t = 0; t < 784; ++t) EXPECT_EQ(numpy[t], plain[order[t]]);
}

TEST_F(Mnist, SubsetsAreBalancedAndTheSameForTheSameSeed) {
  const Json settings{{"train_samples", 30}, {"test_samples", 10}};
  const auto data = open("smnist", settings), again = open("smnist", settings);
  EXPECT_EQ(class_counts(*data, Split::train), std::vector<std::int64_t>(10, 3));
  EXPECT_EQ(class_counts(*data, Split::test), std::vector<std::int64_t>(10, 1));
  for (std::int64_t i = 0; i < 30; ++i)
    EXPECT_EQ(example_of(*data, Split::train, i).first.values, example_of(*again, Split::train, i).first.values);
  EXPECT_EQ(data->facts().content_hash, open("smnist")->facts().content_hash);  // of what was read
}

TEST_F(Mnist, MistakesAreOneClearLine) {
  EXPECT_NE(message_of([&] { make_set("smnist", Json::object(), {"/nonexistent"}); }).find("MNIST not found"),
            std::string::npos);
  EXPECT_NE(message_of([&] { open("smnist", {{"pol", 2}}); }).find("did you mean 'pool'"), std::string::npos);
  folder_.put("mnist/t10k-labels-idx1-ubyte", "\0\0\x8\1\0\0\0\1\0"s);
  EXPECT_NE(message_of([&] { open("smnist"); }).find("1 labels; expected one for each of the 20 images"),
            std::string::npos);
  folder_.put("mnist/t10k-labels-idx1-ubyte", "\0\0\x8\1\0\0\0\x14"s + std::string(20, '\xc'));
  EXPECT_NE(message_of([&] { open("smnist"); }).find("label 0 is 12; expected 0 to 9"), std::string::npos);
  put_digits(folder_, "t10k", 0);
  EXPECT_NE(message_of([&] { open("smnist"); }).find("t10k-images-idx3-ubyte: no images in it"), std::string::npos);
}

TEST_F(Mnist, BaselinesAreMeasured) {
  const auto list = open("smnist")->baselines();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].name, "majority class");
  EXPECT_DOUBLE_EQ(list[0].score, 0.1);
}

}  // namespace
}  // namespace longwave
