#include <gtest/gtest.h>
#include <png.h>

#include <regex>

#include "longwave/data/sequence_split.h"
#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

using namespace std::string_literals;

const std::string kHard = "pathfinder32/curv_contour_length_14/";

/// An even picture, but for its first pixel if `first` is not -1.
std::string png_of(int level, unsigned side = 32, int first = -1) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = image.height = side;
  image.format = PNG_FORMAT_GRAY;
  std::string pixels(side * side, static_cast<char>(level));
  if (first >= 0) pixels[0] = static_cast<char>(first);
  png_alloc_size_t size = 10000;
  std::string bytes(size, '\0');
  png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr);
  return bytes.substr(0, size);
}

std::string row(int batch, int i, int label) {
  return "imgs/" + std::to_string(batch) + " sample_" + std::to_string(i) + ".png " + std::to_string(i) + " " +
         std::to_string(label) + " 1.0 14 4 2 0.5 1 1";
}

/// 10 images of each of the batches 2 and 10, levels 0 .. 19, odd ones positive; batch 10 sorts after 2 by number only.
void put_archive(const ScratchFolder& folder, const std::string& root, unsigned side = 32) {
  for (const int batch : {10, 2}) {
    std::string lines;
    for (int i = 0; i < 10; ++i) {
      const auto level = i + (batch == 10 ? 10 : 0);
      lines += row(batch, i, level % 2) + "\n";
      folder.put(root + "imgs/" + std::to_string(batch) + "/sample_" + std::to_string(i) + ".png", png_of(level, side));
    }
    folder.put(root + "metadata/" + std::to_string(batch) + ".npy", lines);
  }
}

TEST(PathfinderFiles, TheOriginalProtocolFollowsTheStoredOrder) {
  ScratchFolder folder;
  put_archive(folder, kHard);
  const auto data = make_set("pathfinder-files", {{"protocol", "lra-2020"}}, {folder.path()});
  EXPECT_EQ(data->samples(Split::train), 16);
  for (std::int64_t i = 0; i < 16; ++i) {
    const auto sample = example_of(*data, Split::train, i);
    EXPECT_EQ(sample.first.tokens, std::vector<std::int32_t>(1024, static_cast<std::int32_t>(i)));
    EXPECT_EQ(sample.label, i % 2);
  }
  EXPECT_EQ(example_of(*data, Split::val, 1).first.tokens[0], 17);
  EXPECT_EQ(example_of(*data, Split::test, 0).first.tokens[0], 18);
}

TEST(PathfinderFiles, OtherProtocolsSplitAtRandomAndReadNumbers) {
  ScratchFolder folder;
  put_archive(folder, "");  // as a generator leaves them
  const auto data = make_set("pathfinder-files", Json::object(), {folder.path()});
  const auto order = torch_permutation(20, 42);
  ASSERT_EQ(data->samples(Split::train), 16);
  for (std::int64_t i = 0; i < 16; ++i) {
    const auto sample = example_of(*data, Split::train, i);
    EXPECT_EQ(sample.first.values, std::vector<float>(1024, static_cast<float>(order[i]) / 255));
    EXPECT_EQ(sample.label, order[i] % 2);
  }
  EXPECT_EQ(data->facts().channels, 1);
  EXPECT_EQ(data->facts().masking.ratio, 0.5);
  EXPECT_TRUE(data->facts().masking.levels);
}

TEST(PathfinderFiles, AFolderThatDoesNotSayItsResolutionHasThatOfItsImages) {
  ScratchFolder folder;
  put_archive(folder, "lra_release/lra_release/pathfinder64/curv_contour_length_14/", 64);
  const auto inside = folder.path() / "lra_release/lra_release/pathfinder64";
  const auto data = make_set("pathfinder-files", Json::object(), {inside});
  EXPECT_EQ(data->facts().max_length, 64 * 64);
  EXPECT_EQ(example_of(*data, Split::train, 0).first.values.size(), 64u * 64u);
  EXPECT_TRUE(found_says(*data, "images of 64 x 64 pixels"));
  EXPECT_EQ(make_set("pathfinder-files", {{"resolution", "64"}}, {folder.path()})->facts().max_length, 64 * 64);
  const auto missing = error_of_set("pathfinder-files", Json::object(), {folder.path()});
  EXPECT_NE(missing.find("Pathfinder 32 (hard) not found"), std::string::npos) << missing;
  EXPECT_NE(missing.find("`longwave data make pathfinder --out DIR`"), std::string::npos) << missing;
  EXPECT_EQ(missing.find('\n'), std::string::npos);
}

TEST(PathfinderFiles, TheHashTellsOnePixelOfOnePicture) {
  ScratchFolder folder;
  put_archive(folder, kHard);
  const auto put_first_pixel = [&](int first) {
    const auto bytes = png_of(7, 32, first);
    folder.put(kHard + "imgs/10/sample_4.png", bytes);
    return bytes.size();
  };
  const auto hash = [&] { return make_set("pathfinder-files", Json::object(), {folder.path()})->facts().content_hash; };
  const auto size = put_first_pixel(101);
  const auto before = hash();
  EXPECT_EQ(before.size(), 64u);
  EXPECT_EQ(hash(), before) << "nothing changed";
  ASSERT_EQ(put_first_pixel(102), size) << "as many bytes, so that only what they are tells";
  EXPECT_NE(hash(), before);
  put_first_pixel(101);
  EXPECT_EQ(hash(), before);
}

TEST(PathfinderFiles, TheNameOfAFolderIsHeldAgainstItsImages) {
  ScratchFolder folder;
  put_archive(folder, kHard, 33);
  const auto error = [&](const std::filesystem::path& root) {
    return message_of([&] {
      const auto data = make_set("pathfinder-files", Json::object(), {root});
      example_of(*data, Split::train, 0);
    });
  };
  for (const auto& root : {folder.path(), folder.path() / "pathfinder32", folder.path() / kHard / "."})
    EXPECT_NE(error(root).find("33 x 33 pixels; expected 32 x 32"), std::string::npos) << root;
  std::filesystem::rename(folder.path() / "pathfinder32", folder.path() / "mine");
  EXPECT_EQ(error(folder.path() / "mine"), "") << "says nothing of a size";
}

TEST(PathfinderFiles, NumpyMetadataIsReadAndEmptyImagesAreLeftOut) {
  ScratchFolder folder;
  std::string words;
  int count = 0;
  for (int i = 0; i < 12; ++i) {
    folder.put(kHard + "imgs/0/sample_" + std::to_string(i) + ".png", i == 3 ? "" : png_of(i));
    for (const auto& word :
         {"imgs/0"s, "sample_" + std::to_string(i) + ".png", std::to_string(i), std::to_string(i % 2)}) {
      auto padded = word;
      padded.resize(16, '\0');
      words += padded;
    }
    ++count;
  }
  const auto header = "{'descr': '|S16', 'fortran_order': False, 'shape': (" + std::to_string(count) + ", 4), }\n";
  folder.put(kHard + "metadata/0.npy", "\x93NUMPY\1\0"s + static_cast<char>(header.size()) + "\0"s + header + words);
  const auto data = make_set("pathfinder-files", {{"protocol", "lra-2020"}}, {folder.path()});
  EXPECT_TRUE(found_says(*data, "1 empty ones left out"));
  EXPECT_EQ(data->samples(Split::train) + data->samples(Split::val) + data->samples(Split::test), 11);
  EXPECT_EQ(example_of(*data, Split::train, 3).first.tokens[0], 4);
}

TEST(PathfinderFiles, OnlyTheEasySetOf32PixelsLacksAnImage) {
  const auto caution = [](const std::string& set, unsigned side) {
    ScratchFolder folder;
    put_archive(folder, "pathfinder" + std::to_string(side) + "/" + set + "/", side);
    const auto root = folder.path() / ("pathfinder" + std::to_string(side)) / set;
    return make_set("pathfinder-files", Json::object(), {root})->facts().caution;
  };
  EXPECT_TRUE(caution("curv_contour_length_14", 32).starts_with("a part of Pathfinder 32 (20 of 200000)"));
  EXPECT_TRUE(caution("curv_contour_length_14", 64).starts_with("a part of Pathfinder 64 (20 of 200000)"));
  ScratchFolder folder;
  put_archive(folder, "pathfinder32/curv_baseline/");
  for (const int batch : {2, 10}) {
    const auto path = folder.path() / ("pathfinder32/curv_baseline/metadata/" + std::to_string(batch) + ".npy");
    std::string lines;
    for (int i = 0; i < 10; ++i)
      lines += std::regex_replace(row(batch, i, i % 2), std::regex(" 14 4 "), " 6 2 ") + "\n";
    folder.put(std::filesystem::relative(path, folder.path()).string(), lines);
  }
  EXPECT_TRUE(make_set("pathfinder-files", {{"difficulty", "easy"}}, {folder.path()})
                  ->facts()
                  .caution.starts_with("a part of Pathfinder 32 (20 of 199999)"));
}

TEST(PathfinderFiles, AnEncodingThatIsNotTheProtocolsIsInItsName) {
  ScratchFolder folder;
  put_archive(folder, kHard);
  const auto name = [&](const Json& settings) {
    return make_set("pathfinder-files", settings, {folder.path()})->facts().protocol;
  };
  EXPECT_EQ(name(Json::object()), "lra-strict");
  EXPECT_EQ(name({{"encoding", "real"}}), "lra-strict");
  EXPECT_EQ(name({{"encoding", "tokens"}, {"protocol", "lra-s4"}}), "lra-s4, tokens");
  EXPECT_EQ(name({{"protocol", "lra-2020"}}), "lra-2020");
  EXPECT_EQ(name({{"encoding", "real"}, {"protocol", "lra-2020"}}), "lra-2020, real");
}

TEST(PathfinderFiles, MistakesAreOneClearLine) {
  ScratchFolder folder;
  put_archive(folder, kHard);
  const auto error = [&](const Json& settings) {
    return message_of([&] {
      const auto data = make_set("pathfinder-files", settings, {folder.path()});
      example_of(*data, Split::train, 0);
    });
  };
  EXPECT_NE(error({{"resolution", "128"}}).find("Pathfinder 128 (hard) not found"), std::string::npos);
  folder.put(kHard + "metadata/2.npy", row(2, 0, 1) + "\n" + row(2, 1, 7) + "\n");
  EXPECT_NE(error(Json::object()).find("2.npy:2: label '7'; expected 0 or 1"), std::string::npos);
  folder.put(kHard + "metadata/2.npy", row(2, 77, 1) + "\n");
  EXPECT_NE(error(Json::object()).find("sample_77.png: missing"), std::string::npos);
  put_archive(folder, kHard);
  for (int i = 0; i < 10; ++i) folder.put(kHard + "imgs/2/sample_" + std::to_string(i) + ".png", png_of(1, 16));
  EXPECT_NE(error({{"protocol", "lra-2020"}, {"resolution", "32"}}).find("16 x 16 pixels; expected 32 x 32"),
            std::string::npos);
}

}  // namespace
}  // namespace longwave
