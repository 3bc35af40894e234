// The images of the generator against those of the reference program: golden images, and statistics of its runs.

#include "longwave/data/pathfinder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "longwave/data/pathfinder_stage.h"
#include "longwave/io/safetensors.h"

namespace longwave {
namespace {

constexpr int kSide = 32, kPixels = kSide * kSide;

/// Mean of numbers, and how far the mean of that many may be off (one standard error).
struct Mean {
  double value, error;
};
Mean mean_of(const std::vector<double>& x) {
  const auto n = static_cast<double>(x.size());
  const auto mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double square = 0;
  for (const auto v : x) square += (v - mean) * (v - mean);
  return {mean, std::sqrt(square / (n - 1) / n)};
}

/// Numbers of every image.
struct Statistics {
  std::vector<double> grey, black, bright, full, ring, centre, label;
  std::vector<std::vector<double>> histogram = std::vector<std::vector<double>>(11);

  void add(const std::uint8_t* pixels, bool connected) {
    constexpr int borders[] = {0, 1, 16, 32, 64, 96, 128, 160, 192, 224, 255, 256};
    double sum = 0, outer = 0, inner = 0, counts[11] = {}, above = 0;
    for (int i = 0; i < kPixels; ++i) {
      const int y = i / kSide, x = i % kSide, level = pixels[i];
      const int border = std::min({y, x, kSide - 1 - y, kSide - 1 - x});
      sum += level;
      above += level >= 64;
      if (border < 2) outer += level;
      if (border >= kSide / 4) inner += level;
      for (int k = 0; k < 11; ++k) counts[k] += level >= borders[k] && level < borders[k + 1];
    }
    grey.push_back(sum / kPixels);
    black.push_back(counts[0] / kPixels);
    bright.push_back(above / kPixels);
    full.push_back(counts[10]);
    ring.push_back(outer / (kPixels - 28 * 28));
    centre.push_back(inner / (kPixels / 4));
    label.push_back(connected);
    for (std::size_t k = 0; k < 11; ++k) histogram[k].push_back(counts[k] / kPixels);
  }
};

/// 400 images of the published hard set, and how they came about.
struct Drawn {
  Statistics statistics;
  std::vector<double> attempts, tries, distractors, grey_by_label[2];
  std::vector<PathfinderImage> images;
};
const Drawn& drawn() {
  static const Drawn all = [] {
    Drawn d;
    const PathfinderDrawing drawing(pathfinder_rule(kSide, 14));
    for (std::uint64_t i = 0; i < 400; ++i) {
      auto& image = d.images.emplace_back();
      drawing.draw(RandomStream{11}.split(i), image);
      d.statistics.add(image.pixels.data(), image.connected);
      d.attempts.push_back(static_cast<double>(image.attempts));
      d.tries.push_back(static_cast<double>(image.distractor_tries));
      d.distractors.push_back(static_cast<double>(image.distractors_drawn));
      d.grey_by_label[image.connected].push_back(d.statistics.grey.back());
    }
    return d;
  }();
  return all;
}

/// Both means, each with its error, agree within four standard errors.
void expect_same(const Mean& ours, const Mean& theirs, const std::string& what) {
  EXPECT_NEAR(ours.value, theirs.value, 4 * std::hypot(ours.error, theirs.error)) << what;
}

TEST(Pathfinder, ImagesHaveTheStatisticsOfTheGoldenOnes) {
  const SafetensorsFile file(std::filesystem::path(LONGWAVE_SOURCE_DIR) /
                             "tests/golden/benchmarks/pathfinder32_hard.safetensors");
  const auto* pixels = reinterpret_cast<const std::uint8_t*>(file.at("images").data);
  const auto* labels = reinterpret_cast<const std::int64_t*>(file.at("labels").data);
  Statistics golden;
  for (int i = 0; i < 180; ++i) golden.add(pixels + i * kPixels, labels[i] == 1);
  const auto& ours = drawn().statistics;
  expect_same(mean_of(ours.grey), mean_of(golden.grey), "mean grey");
  expect_same(mean_of(ours.black), mean_of(golden.black), "share of black");
  expect_same(mean_of(ours.bright), mean_of(golden.bright), "share of 64 and more");
  expect_same(mean_of(ours.full), mean_of(golden.full), "pixels of 255");
  expect_same(mean_of(ours.ring), mean_of(golden.ring), "outer ring");
  expect_same(mean_of(ours.centre), mean_of(golden.centre), "central half");
  expect_same(mean_of(ours.label), mean_of(golden.label), "label");
  for (std::size_t k = 0; k < 11; ++k)
    expect_same(mean_of(ours.histogram[k]), mean_of(golden.histogram[k]), "histogram " + std::to_string(k));
}

TEST(Pathfinder, RejectionsAreThoseOfTheReferenceRun) {
  // 300 images: 95,152 attempts, so each succeeds with one probability and their number is geometric; 372 distractors
  // of at most 5, 6,701 tries; mean grey 20.4 with a deviation of 2.1, 20.4 and 20.3 by label.
  const auto& d = drawn();
  expect_same(mean_of(d.attempts), {95152 / 300.0, 95152 / 300.0 / std::sqrt(300)}, "attempts");
  const auto distractors = mean_of(d.distractors), tries = mean_of(d.tries);
  expect_same(distractors, {372 / 300.0, distractors.error * std::sqrt(400 / 300.0)}, "distractors");
  expect_same(tries, {6701 / 300.0, tries.error * std::sqrt(400 / 300.0)}, "tries");
  expect_same(mean_of(d.statistics.grey), {20.4, 2.1 / std::sqrt(300)}, "mean grey");
  for (int label = 0; label < 2; ++label)
    expect_same(mean_of(d.grey_by_label[label]), {20.35, 2.1 / std::sqrt(150)}, "grey by label");
  expect_same(mean_of(d.statistics.label), {0.5, 0}, "label");
}

TEST(Pathfinder, MarksAreTheBrightDiscs) {
  for (std::size_t i = 0; i < 50; ++i) {
    const auto& image = drawn().images[i];
    for (const auto mark : image.marks) {
      int near = 0;  // a disc of radius 1.5 under strokes of twice its contrast
      for (int v = -1; v <= 1; ++v)
        for (int u = -1; u <= 1; ++u) {
          const int y = mark.y + v, x = mark.x + u;
          if (y >= 0 && y < kSide && x >= 0 && x < kSide) near += image.pixels[y * kSide + x] >= 80;
        }
      EXPECT_GE(near, 5) << i;
    }
  }
}

TEST(Pathfinder, OneMarkIsAlwaysWhereAContourBegins) {
  for (const auto& image : drawn().images) {
    const auto mark = image.marks[0];  // the first contour begins in the middle, the other 7 pixels from there
    EXPECT_TRUE(mark.y >= 14 - 8 && mark.y <= 17 + 8 && mark.x >= 14 - 8 && mark.x <= 17 + 8);
  }
}

TEST(Pathfinder, LargerImagesAreThoseOfTheReferenceRun) {
  // 9 images of 128 x 128: mean grey 7.9 with a deviation of 0.35, 0.862 black, 0.041 of 64 and more.
  const PathfinderDrawing drawing(pathfinder_rule(128, 14));
  std::vector<double> grey, black, bright, margin;
  PathfinderImage image;
  for (std::uint64_t i = 0; i < 12; ++i) {
    drawing.draw(RandomStream{2}.split(i), image);
    const auto share = [&](auto holds) {
      return static_cast<double>(std::count_if(image.pixels.begin(), image.pixels.end(), holds)) / (128 * 128);
    };
    grey.push_back(std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0) / (128 * 128));
    black.push_back(share([](auto level) { return level == 0; }));
    bright.push_back(share([](auto level) { return level >= 64; }));
    margin.push_back(image.margin);
  }
  expect_same(mean_of(grey), {7.9, 0.35 / 3}, "mean grey");
  expect_same(mean_of(black), {0.862, mean_of(black).error}, "share of black");
  expect_same(mean_of(bright), {0.041, mean_of(bright).error}, "share of 64 and more");
  expect_same(mean_of(margin), {2.5, 0}, "margin");
}

TEST(Pathfinder, NoDistractorIsBegunWhereLessThanOneInAHundredCellsIsFree) {
  const PathfinderStage stage(pathfinder_rule(kSide, 14), 1);
  auto room = stage.empty();
  EXPECT_FALSE(stage.full(room));
  int free = 0;
  for (int i = 0; i < kPixels; ++i) {
    auto& cell = room.taken[stage.map().at(i / kSide, i % kSide)];
    if (cell == 0 && free < 11)
      ++free;
    else
      cell = 77;  // taken by 0.3
  }
  EXPECT_FALSE(stage.full(room)) << "11 of 1024";
  for (int i = 0; i < kPixels && free == 11; ++i)
    if (auto& cell = room.taken[stage.map().at(i / kSide, i % kSide)]; cell == 0) cell = 255, --free;
  EXPECT_TRUE(stage.full(room)) << "10 of 1024";
}

std::shared_ptr<const SequenceData> make(const Json& settings) {
  const auto& info = find_sequence_data("pathfinder");
  return info.make(info.resolve(settings_from_json(settings, "test"), "data"), {});
}

TEST(Pathfinder, EncodingsShowTheSameImage) {
  const auto real = make(Json::object()), tokens = make({{"encoding", "tokens"}});
  EXPECT_EQ(real->samples(Split::train), 160000);
  EXPECT_EQ(tokens->facts().vocabulary, 257);
  EXPECT_EQ(real->facts().protocol, "lra-strict");
  EXPECT_EQ(tokens->facts().protocol, "lra-strict, tokens");
  const auto old = make({{"protocol", "lra-2020"}});
  EXPECT_EQ(old->facts().protocol, "lra-2020");
  EXPECT_EQ(old->facts().vocabulary, 257);
  EXPECT_EQ(make({{"protocol", "lra-s4"}})->facts().channels, 1);
  SequenceExample a, b;
  real->example(Split::val, 7, a);
  tokens->example(Split::val, 7, b);
  EXPECT_EQ(a.label, b.label);
  ASSERT_EQ(a.first.values.size(), 1024u);
  for (std::size_t i = 0; i < 1024; ++i)
    EXPECT_FLOAT_EQ(a.first.values[i] * 255, static_cast<float>(b.first.tokens[i]));
}

TEST(Pathfinder, MiniHasShorterContoursAndItsStatisticsTellNothing) {
  const auto mini = make({{"contour_length", 6}, {"distractors", 3}, {"distractor_length", 2}});
  EXPECT_EQ(mini->facts().protocol, "generated");
  for (const auto& line : mini->baselines()) EXPECT_NEAR(line.score, 0.5, 4 * 0.5 / std::sqrt(1000)) << line.name;
  EXPECT_THROW(make({{"seed_distance", 8}}), UserError);
  EXPECT_THROW(make({{"contour_length", 1}}), UserError);
  SequenceExample example;
  EXPECT_THROW(make({{"contour_length", 1000}})->example(Split::train, 0, example), UserError) << "they do not fit";
  EXPECT_THROW(make({{"resolution", "48"}}), UserError);
}

}  // namespace
}  // namespace longwave
