#include "longwave/data/pathfinder_archive.h"

#include <gtest/gtest.h>
#include <png.h>
#include <unistd.h>

#include <functional>

#include "longwave/base/atomic_file.h"
#include "longwave/io/png_write.h"
#include "tests/support/scratch_folder.h"

namespace {
std::function<void()> on_syncfs;
int fsyncs = 0;
}  // namespace

// In place of the system's: what is waited for, and when.
int fsync(int) {
  ++fsyncs;
  return 0;
}
int syncfs(int) noexcept {
  if (on_syncfs) on_syncfs();
  return 0;
}

namespace longwave {
namespace {

/// Pixels of a PNG file of 8-bit grey, by libpng.
std::vector<std::uint8_t> read_grey(const std::string& bytes, int side) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()), 0) << image.message;
  EXPECT_EQ(image.format, static_cast<png_uint_32>(PNG_FORMAT_GRAY));
  EXPECT_TRUE(image.height == static_cast<png_uint_32>(side) && image.width == static_cast<png_uint_32>(side));
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(image));
  EXPECT_NE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr), 0) << image.message;
  return pixels;
}

TEST(PathfinderArchive, HoldsTheSamplesOfAllSplitsInOrder) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "longwave_pathfinder_archive";
  std::filesystem::remove_all(folder);
  PathfinderConfig config;
  config.encoding = "tokens";
  config.difficulty = "easy";
  config.train_samples = 5;
  config.val_samples = 2;
  config.test_samples = 1;
  config.seed = 9;
  std::int64_t told = 0;
  const auto root = write_pathfinder(config, folder, [&](std::int64_t count) { told = count; });
  EXPECT_EQ(told, 8);
  EXPECT_EQ(root, folder / "pathfinder32" / "curv_baseline");

  const auto& info = find_sequence_data("pathfinder");
  const auto data = info.make(PathfinderConfig::fields().dump(config), {});
  std::istringstream metadata(read_file(root / "metadata" / "0.npy"));
  const std::pair<Split, std::int64_t> samples[] = {{Split::train, 0}, {Split::train, 1}, {Split::train, 2},
                                                    {Split::train, 3}, {Split::train, 4}, {Split::val, 0},
                                                    {Split::val, 1},   {Split::test, 0}};
  SequenceExample sample;
  for (int i = 0; i < 8; ++i) {
    data->example(samples[i].first, samples[i].second, sample);
    const auto name = "sample_" + std::to_string(i) + ".png";
    const auto pixels = read_grey(read_file(root / "imgs" / "0" / name), 32);
    EXPECT_EQ(std::vector<std::int32_t>(pixels.begin(), pixels.end()), sample.first.tokens) << i;
    std::string line;
    ASSERT_TRUE(std::getline(metadata, line));
    EXPECT_EQ(line,
              "imgs/0 " + name + " " + std::to_string(i) + " " + std::to_string(sample.label) + " 1.0 6 2 2 0.5 1 1");
  }
  EXPECT_EQ(metadata.peek(), EOF);
  std::filesystem::remove_all(folder);
}

TEST(PathfinderArchive, ARuleOfOnesOwnIsReadBackAsSuch) {
  const ScratchFolder folder("pathfinder_own");
  PathfinderConfig config;
  config.contour_length = 7;
  config.train_samples = 8;
  config.val_samples = config.test_samples = 1;
  EXPECT_EQ(write_pathfinder(config, folder.path()), folder.path() / "pathfinder32" / "curv_own");
  const auto& info = find_sequence_data("pathfinder-files");
  const auto read = [&](const std::filesystem::path& root, const std::string& difficulty) {
    return info.make(info.resolve({{"difficulty", {difficulty, "test"}}}, "data"), {{root}});
  };
  const auto data = read(folder.path(), "own");
  EXPECT_EQ(data->samples(Split::train), 8);
  EXPECT_EQ(data->facts().protocol, "generated");
  EXPECT_EQ(read(folder.path() / "pathfinder32" / "curv_own", "hard")->facts().protocol, "generated") << "by itself";
  EXPECT_NE(message_of([&] { read(folder.path(), "hard"); }), "") << "not in the place of a published set";
  config.contour_length = -1;
  write_pathfinder(config, folder.path());
  EXPECT_EQ(read(folder.path(), "hard")->facts().protocol, "lra-strict");
  std::filesystem::rename(folder.path() / "pathfinder32" / "curv_own", folder.path() / "mine");
  EXPECT_EQ(read(folder.path() / "mine", "hard")->facts().protocol, "generated") << "no published set has 7 strokes";
}

TEST(PathfinderArchive, ImagesAreHeldAgainstTheStatisticsOfTheRule) {
  const ScratchFolder folder("pathfinder_rule");
  PathfinderConfig config;
  config.train_samples = 396;
  config.val_samples = config.test_samples = 2;
  const auto root = write_pathfinder(config, folder.path());
  const auto& info = find_sequence_data("pathfinder-files");
  const auto line = [&](const std::string& begin) {
    const auto data = info.make(info.resolve({{"difficulty", {config.difficulty, "test"}}}, "data"), {{folder.path()}});
    for (const auto& line : data->facts().found)
      if (line.starts_with(begin)) return line;
    return std::string();
  };
  EXPECT_NE(line("300 images: mean grey, ").find("; by the published rule: 20.4, 0.657, 0.127"), std::string::npos);
  EXPECT_EQ(line("caution"), "");
  for (int i = 0; i < 400; ++i) {  // twice as bright: more pixels are, as many are black
    const auto path = root / "imgs" / "0" / ("sample_" + std::to_string(i) + ".png");
    auto pixels = read_grey(read_file(path), 32);
    for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(std::min(255, 2 * pixel));
    write_file(path, png_of(pixels, 32, 32));
  }
  EXPECT_EQ(line("caution"),
            "caution: mean grey, the share of pixels >= 64 are more than 4 standard errors off: drawn by another rule, "
            "or changed since (scaled, smoothed)?");
  config.difficulty = "easy";
  write_pathfinder(config, folder.path());
  EXPECT_EQ(line("300 images"), "") << "of the easy set nothing is known";
}

TEST(PathfinderArchive, WaitsForTheDiskOnceABatchBeforeMetadataNameItsImages) {
  const ScratchFolder folder("pathfinder_archive");
  PathfinderConfig config;
  config.train_samples = 1002;  // two batches
  config.val_samples = config.test_samples = 0;
  const auto root = folder.path() / "pathfinder32" / "curv_contour_length_14";
  const auto here = [&](const std::string& file) { return std::filesystem::exists(root / file); };
  std::vector<std::string> seen;  // at every wait
  on_syncfs = [&] {
    seen.push_back(std::string(here("imgs/0/sample_999.png") ? "i" : "-") + (here("metadata/0.npy") ? "m" : "-") +
                   (here("imgs/1/sample_1.png") ? "i" : "-") + (here("metadata/1.npy") ? "m" : "-"));
  };
  fsyncs = 0;
  write_pathfinder(config, folder.path());
  EXPECT_EQ(seen, (std::vector<std::string>{"i---", "imi-"}));
  EXPECT_LE(fsyncs, 4) << "two files of metadata and their folder";
  seen.clear();  // over an older archive
  write_pathfinder(config, folder.path());
  EXPECT_EQ(seen, (std::vector<std::string>{"i-im", "i-im", "imi-", "imi-"}));
  on_syncfs = {};
  config.train_samples = 3;  // would leave the second batch of the larger set beside its own
  try {
    write_pathfinder(config, folder.path());
    ADD_FAILURE() << "two sets in one folder";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("holds a larger set (1.npy)"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace longwave
