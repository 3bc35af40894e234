#include "longwave/data/pathfinder_strokes.h"

#include <gtest/gtest.h>

#include <numbers>

#include "longwave/io/safetensors.h"

namespace longwave {
namespace {

const SafetensorsFile& golden() {
  static const SafetensorsFile file(std::filesystem::path(LONGWAVE_SOURCE_DIR) /
                                    "tests/golden/benchmarks/pathfinder_strokes.safetensors");
  return file;
}

/// The i-th row (image) of a tensor of bytes.
std::vector<std::uint8_t> bytes(const std::string& name, std::int64_t i = 0) {
  const auto& view = golden().at(name);
  const auto size = view.shape.size() == 3 ? view.shape[1] * view.shape[2] : view.count();
  const auto* data = reinterpret_cast<const std::uint8_t*>(view.data) + i * size;
  return {data, data + size};
}

std::vector<std::int32_t> integers(const std::string& name) {
  const auto& view = golden().at(name);
  const auto* data = reinterpret_cast<const std::int32_t*>(view.data);
  return {data, data + view.count()};
}

TEST(LanczosShrink, IsPillowsToTheBit) {
  for (const auto& [in, out] : {std::pair{17, 9}, std::pair{64, 32}}) {
    const auto image = bytes("noise." + std::to_string(in));
    const auto small = LanczosShrink(in, out)({0, 0, in, in, image});
    EXPECT_EQ(small.pixels, bytes("noise." + std::to_string(out)));
  }
}

TEST(DrawStroke, IsTheReferenceToTheBitInAllFourSets) {
  const auto degrees = integers("degrees");
  const std::pair<const char*, StrokeShape> sets[] = {
      {"32", {2, 0.5, 1}}, {"64", {5, 1, 1}}, {"128", {5, 1.5, 2}}, {"128b", {5, 1.5, 3}}, {"256", {5, 2, 3}}};
  for (const auto& [name, shape] : sets)
    for (std::size_t i = 0; i < degrees.size(); ++i) {
      const auto stroke = draw_stroke(shape, degrees[i] * std::numbers::pi / 180);
      const auto row = static_cast<std::int64_t>(i);
      EXPECT_EQ(stroke.ink, bytes(std::string("ink.") + name, row)) << name << " at " << degrees[i] << " degrees";
      EXPECT_EQ(stroke.room, bytes(std::string("room.") + name, row)) << name << " at " << degrees[i] << " degrees";
    }
}

TEST(DrawDisc, IsTheReferenceToTheBitAlsoAtTheBorder) {
  const auto places = integers("places");
  for (const auto& [side, radius, step] : {std::tuple{32, 1.5, 1}, std::tuple{64, 2.5, 2}}) {
    const LanczosShrink shrink(side * kStrokeScale, side);
    for (std::size_t i = 0; i < places.size() / 2; ++i) {
      const auto part = draw_disc(shrink, side, places[2 * i] * step, places[2 * i + 1] * step, radius);
      std::vector<std::uint8_t> image(static_cast<std::size_t>(side * side));
      for (int y = 0; y < part.height; ++y)
        for (int x = 0; x < part.width; ++x) image[(part.y + y) * side + part.x + x] = part.pixels[y * part.width + x];
      EXPECT_EQ(image, bytes("disc." + std::to_string(side), static_cast<std::int64_t>(i))) << side << " " << i;
    }
  }
}

TEST(Way, RoundsUpTheSum) {
  const double quarter = std::numbers::pi / 2;
  EXPECT_EQ(Way(quarter / 2, 2).from({10, 10}), (Pixel{12, 12}));
  EXPECT_EQ(Way(-3 * quarter / 2, 2).from({10, 10}), (Pixel{9, 9}));
  // The cosine of a right angle is not quite 0: that shows in small numbers only.
  EXPECT_EQ(Way(quarter, 4).from({10, 10}), (Pixel{14, 10}));
  EXPECT_EQ(Way(quarter, 4).from({10, 2}), (Pixel{14, 3}));
}

}  // namespace
}  // namespace longwave
