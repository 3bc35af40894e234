#include "longwave/data/sequence_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "longwave/base/atomic_file.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

class SequenceFiles : public testing::Test {
 protected:
  void SetUp() override { make_folder(root_); }
  void TearDown() override { fs::remove_all(root_); }
  fs::path put(const std::string& file) {
    make_folder((root_ / file).parent_path());
    write_file(root_ / file, "x");
    return root_ / file;
  }

  fs::path root_ = fs::temp_directory_path() / ("longwave_sequence_files_test" + std::to_string(::getpid()));
};

const std::vector<FileLayout> kLayouts{{{"pairs", "old/pairs"}, {"{stem}.train.tsv", "{stem}.test.tsv"}},
                                       {{"archive/{stem}"}, {"train", "{stem}_TEST.ts"}}};

TEST_F(SequenceFiles, FilesOfOneSetComeFromOnePlace) {
  put("pairs/a.train.tsv");  // its test file is missing here
  const auto train = put("old/pairs/a.train.tsv.xz"), test = put("old/pairs/a.test.tsv");
  const auto found = locate_files("Pairs", kLayouts, {root_}, {{"stem", "a"}});
  EXPECT_EQ(found.files, (std::vector<fs::path>{train, test}));
  EXPECT_EQ(found.layout, 0u);
}

TEST_F(SequenceFiles, ARootWithTheNameOfAnotherSetIsThatSets) {
  const std::vector<FileLayout> layouts{{{"words-2"}, {"train.txt"}, {{"corpus", "2"}}},
                                        {{"words-103"}, {"train.txt"}, {{"corpus", "103"}}}};
  const auto file = put("words-103/train.txt");
  for (const auto& root : {root_ / "words-103", root_ / "words-103/", root_}) {
    EXPECT_THROW(locate_files("Words", layouts, {root}, {{"corpus", "2"}}), DataNotFound) << root;
    EXPECT_TRUE(fs::equivalent(locate_files("Words", layouts, {root}, {{"corpus", "103"}}).files[0], file)) << root;
    const auto found = discover_files(layouts, {root});
    ASSERT_EQ(found.size(), 1u) << root;
    EXPECT_EQ(found[0].layout, 1u) << root;
  }
  put("mine/train.txt");  // a name that says nothing
  EXPECT_EQ(locate_files("Words", layouts, {root_ / "mine"}, {{"corpus", "2"}}).layout, 0u);
}

TEST_F(SequenceFiles, AbsenceSaysWhatWasTriedAndExpected) {
  put("pairs/a.train.tsv");
  try {
    locate_files("Pairs", kLayouts, {root_}, {{"stem", "a"}});
    FAIL();
  } catch (const DataNotFound& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos);
    for (const std::string& part :
         {std::string("Pairs not found"), (root_ / "old/pairs").string(), (root_ / "archive/a").string(),
          std::string("pairs has a.train.tsv and lacks a.test.tsv; expected"),
          std::string("a.train.tsv + a.test.tsv, or train + a_TEST.ts"), std::string("--data DIR")})
      EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

TEST_F(SequenceFiles, SaysWhichFilesAreMissing) {
  const std::vector<FileLayout> layouts{{{"digits"}, {"images", "labels", "test-images", "test-labels"}},
                                        {{"digits"}, {"images", "labels"}, {}, {}, "not read"},
                                        {{"digits"}, {"images", "test-labels", "names"}},
                                        {{"clips"}, {"yes", "no", "up", "down", "go"}},
                                        {{"series"}, {"{name}_TRAIN.ts", "{name}_TEST.ts"}},
                                        {{"texts"}, {"train/neg", "train/pos", "test/neg", "test/pos"}}};
  const auto words = [&](const LayoutKeys& keys = {}) {
    std::vector<std::string> lines;
    for (const auto& parts : incomplete_files(layouts, {root_}, keys))
      lines.push_back(text_of(parts).substr(root_.string().size() + 1));
    return lines;
  };
  EXPECT_TRUE(words().empty());
  put("digits/images"), put("digits/labels.gz"), put("digits/test-labels");
  put("clips/go");  // one of five: chance
  for (const auto* file : {"A_TRAIN.ts", "A_TEST.ts", "B_TRAIN.ts", "C_TEST.ts"}) put(std::string("series/") + file);
  EXPECT_EQ(words(), (std::vector<std::string>{"digits has images, labels.gz, test-labels and lacks test-images",
                                               "series has B_TRAIN.ts and lacks B_TEST.ts",
                                               "series has C_TEST.ts and lacks C_TRAIN.ts"}));
  EXPECT_EQ(words({{"name", "C"}}).back(), "series has C_TEST.ts and lacks C_TRAIN.ts");
  EXPECT_EQ(words({{"name", "A"}}).size(), 1u) << "A is all there";
  put("texts/train/neg/a"), put("texts/train/pos/a"), put("texts/test/pos/a");
  EXPECT_EQ(words().back(), "texts has train/neg, train/pos, test/pos and lacks test/neg");
  fs::remove_all(root_ / "texts");
  put("digits/test-images.xz");
  EXPECT_EQ(words({{"name", "A"}}).size(), 0u);
}

TEST(ExpectedTree, NamesEveryFolderTried) {
  EXPECT_EQ(expected_tree(kLayouts),
            "  pairs, old/pairs: {stem}.train.tsv + {stem}.test.tsv\n"
            "  archive/{stem}: train + {stem}_TEST.ts\n");
  EXPECT_EQ(expected_tree({{{}, {"metadata", "imgs"}}}), "  metadata + imgs\n");
}

TEST_F(SequenceFiles, DiscoversEveryValueOfAKeyAndEverySetOnce) {
  put("pairs/a.train.tsv.gz"), put("pairs/a.test.tsv.gz"), put("pairs/b.train.tsv"), put("pairs/b.test.tsv");
  put("pairs/c.train.tsv");  // incomplete
  make_folder(root_ / "archive/Gun/train");
  put("archive/Gun/Gun_TEST.ts");
  const auto found = discover_files(kLayouts, {root_, root_});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].keys.at("stem"), "a");
  EXPECT_EQ(found[1].keys.at("stem"), "b");
  EXPECT_EQ(found[2].keys.at("stem"), "Gun");
  EXPECT_EQ(found[2].layout, 1u);
  EXPECT_EQ(found[2].files[1], root_ / "archive/Gun/Gun_TEST.ts");
  EXPECT_EQ(discover_files(kLayouts, {root_ / "pairs"}).size(), 2u);  // the folder itself may be given
  EXPECT_TRUE(discover_files(kLayouts, {root_ / "nowhere"}).empty());
}

TEST_F(SequenceFiles, AFormThatIsNotReadIsRefusedWithItsReason) {
  const std::vector<FileLayout> layouts{{{"set"}, {"a.tsv"}}, {{"set"}, {"a.parquet"}, {}, {}, "not read; convert it"}};
  put("set/a.parquet");
  try {
    locate_files("Set", layouts, {root_});
    FAIL();
  } catch (const DataNotReady& error) {
    EXPECT_EQ(error.what(), (root_ / "set").string() + ": not read; convert it; expected there: a.tsv");
  }
  EXPECT_EQ(discover_files(layouts, {root_}).at(0).layout, 1u);
  EXPECT_EQ(expected_tree(layouts), "  set: a.tsv\n");
  const auto table = put("set/a.tsv");
  EXPECT_EQ(locate_files("Set", layouts, {root_}).files, (std::vector<fs::path>{table}));
  EXPECT_EQ(discover_files(layouts, {root_}).size(), 1u);
}

TEST_F(SequenceFiles, AFileMayComeInAnyNumberOfPieces) {
  const std::vector<FileLayout> layouts{{{"set"}, {"train-00000-of-*.parquet", "test-00000-of-*.parquet"}}};
  const auto first = put("set/train-00000-of-00002.parquet"), test = put("set/test-00000-of-00001.parquet");
  put("set/train-00000-of-00002.parquet.txt"), put("set/train-00000-of-2.parquet");
  const auto found = locate_files("Set", layouts, {root_}).files;
  EXPECT_EQ(found, (std::vector<fs::path>{first, test}));
  EXPECT_EQ(pieces_of(test), std::vector<fs::path>{test});
  EXPECT_EQ(pieces_of("train.csv"), std::vector<fs::path>{"train.csv"});
  try {
    pieces_of(first);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.what(), (root_ / "set/train-00001-of-00002.parquet").string() +
                                ": is missing; expected all 2 pieces beside " + first.string());
  }
  const auto second = put("set/train-00001-of-00002.parquet");
  EXPECT_EQ(pieces_of(first), (std::vector<fs::path>{first, second}));
  ASSERT_EQ(discover_files(layouts, {root_}).size(), 1u);
  EXPECT_EQ(discover_files(layouts, {root_})[0].files, found);
}

TEST_F(SequenceFiles, AFileBesideThemMakesThemAnothersSet) {
  const std::vector<FileLayout> layouts{{{}, {"train.csv"}, {}, {}, {}, "valid-00000-of-*.csv"}};
  put("train.csv");
  EXPECT_EQ(discover_files(layouts, {root_}).size(), 1u);
  put("valid-00000-of-00001.csv");
  EXPECT_TRUE(discover_files(layouts, {root_}).empty());
}

TEST_F(SequenceFiles, FoldersOfAnotherSetAreNotDiscovered) {
  const std::vector<FileLayout> layouts{{{}, {"{name}/a.txt"}, {}, {{"name", "wiki"}}}};
  put("wikitext/a.txt"), put("own/a.txt");
  const auto found = discover_files(layouts, {root_});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].keys.at("name"), "own");
  EXPECT_EQ(locate_files("Text", layouts, {root_}, {{"name", "wikitext"}}).files.size(), 1u);
}

TEST_F(SequenceFiles, ALayoutMayBeForOneValueOfAField) {
  const std::vector<FileLayout> layouts{{{}, {"train.txt", "test.txt"}, {{"form", "two"}}},
                                        {{}, {"test.txt"}, {{"form", "one"}}}};
  put("train.txt");
  const auto test = put("test.txt");
  EXPECT_EQ(locate_files("Set", layouts, {root_}, {{"form", "one"}}).files, (std::vector<fs::path>{test}));
  EXPECT_EQ(locate_files("Set", layouts, {root_}).files.size(), 2u);
  EXPECT_THROW(locate_files("Set", layouts, {root_}, {{"form", "none"}}), DataNotFound);
  const auto found = discover_files(layouts, {root_});  // the second layout has nothing new
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].keys, (LayoutKeys{{"form", "two"}}));
}

}  // namespace
}  // namespace longwave
