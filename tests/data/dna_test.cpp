#include <gtest/gtest.h>

#include "longwave/data/sequence_summary.h"
#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

using Tokens = std::vector<std::int32_t>;

const std::string kSet = "genomic_benchmarks/human_nontata_promoters/";

void put_sequences(const ScratchFolder& folder) {
  for (const std::string part : {"train", "test"})
    for (int i = 0; i < 20; ++i) {
      folder.put(kSet + part + "/negative/" + std::to_string(i) + ".txt",
                 "AAAAAAAA" + std::string(1 + i % 3, 'c') + "\n");
      if (i < 10) folder.put(kSet + part + "/positive/" + std::to_string(i) + ".txt", "GGGGGGGGNT");
    }
}

TEST(Dna, SequencesOfTheBenchmarksAreReadByFolder) {
  ScratchFolder folder;
  put_sequences(folder);
  const auto data = make_set("dna", Json::object(), {folder.path()});
  EXPECT_EQ(data->facts().class_names, (std::vector<std::string>{"negative", "positive"}));
  EXPECT_EQ(class_counts(*data, Split::train), (std::vector<std::int64_t>{18, 9}));
  EXPECT_EQ(class_counts(*data, Split::val), (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(class_counts(*data, Split::test), (std::vector<std::int64_t>{20, 10}));
  EXPECT_EQ(example_of(*data, Split::test, 0).first.tokens, (Tokens{1, 1, 1, 1, 1, 1, 1, 1, 2}));
  EXPECT_EQ(example_of(*data, Split::test, 29).first.tokens, (Tokens{3, 3, 3, 3, 3, 3, 3, 3, 5, 4}));
  EXPECT_EQ(data->facts().max_length, 11);
  EXPECT_EQ(data->facts().vocabulary, 7);
  EXPECT_EQ(data->facts().mask, 6);
  EXPECT_EQ(data->facts().protocol, "genomic-benchmarks");
  EXPECT_EQ(summarize(*data).val_in_train, 3);
  EXPECT_EQ(summarize(*data).test_in_train, 30);
  const auto baselines = data->baselines();
  ASSERT_EQ(baselines.size(), 2u);
  EXPECT_DOUBLE_EQ(baselines[0].score, 2. / 3);
  EXPECT_DOUBLE_EQ(baselines[1].score, 1);
  EXPECT_EQ(data->facts().caution,
            "a part of human_nontata_promoters (60 of 36131): scores are not comparable with published ones");
  const auto path = make_set("dna", {{"name", (folder.path() / kSet).string()}}, {});
  EXPECT_EQ(path->facts().caution, data->facts().caution);
  EXPECT_EQ(path->facts().content_hash, data->facts().content_hash);
}

TEST(Dna, TheFoldersOfACloneAreFound) {  // datasets/NAME below its root: intervals, or what they were cut to
  ScratchFolder folder;
  const auto set = "datasets/human_enhancers_cohn/";
  for (const std::string part : {"train", "test"})
    for (const std::string name : {"negative", "positive"})
      folder.put(set + part + "/" + name + ".csv", "id,region,start,end,strand\n0,chr1,2,6,+\n1,chr1,1,3,+\n");
  const auto genome = folder.put("genome.fa", ">chr1\nACGTTACG\n").string();
  const auto make = [&](const Json& settings) { return make_set("dna", settings, {folder.path()}); };
  const auto cut = make({{"name", "human_enhancers_cohn"}, {"genome", genome}});
  EXPECT_EQ(example_of(*cut, Split::test, 1).first.tokens, (Tokens{2, 3}));
  std::filesystem::remove_all(folder.path() / "datasets");
  for (const std::string part : {"train", "test"})
    for (const std::string name : {"negative", "positive"})
      for (int i = 0; i < 2; ++i) folder.put(set + part + "/" + name + "/" + std::to_string(i) + ".txt", "ACGTT");
  EXPECT_EQ(make({{"name", "human_enhancers_cohn"}})->samples(Split::test), 4);
}

TEST(Dna, IntervalsAreCutFromTheGenome) {
  ScratchFolder folder;
  const auto genome = folder.put("genome.fa", ">1 dna:chromosome\nACGTT\nACGTA\n>chr2\nTTTTCCCC\n").string();
  const std::string header = "id,region,start,end,strand\n";
  for (const std::string part : {"train", "test"}) {
    folder.put(kSet + part + "/negative.csv", header + "0,chr1,2,6,+\n1,chr2,0,3,+\n");
    folder.put(kSet + part + "/positive.csv", header + "0,chr1,2,6,-\n1,2,3,8,-\n");
  }
  const auto data = make_set("dna", {{"genome", genome}}, {folder.path()});
  EXPECT_EQ(example_of(*data, Split::test, 0).first.tokens, (Tokens{3, 4, 4, 1}));     // GTTA
  EXPECT_EQ(example_of(*data, Split::test, 1).first.tokens, (Tokens{4, 4, 4}));        // TTT
  EXPECT_EQ(example_of(*data, Split::test, 2).first.tokens, (Tokens{4, 1, 1, 2}));     // the other strand: TAAC
  EXPECT_EQ(example_of(*data, Split::test, 3).first.tokens, (Tokens{3, 3, 3, 3, 1}));  // GGGGA
  const auto error = [&](const std::string& rows, const Json& settings) {
    folder.put(kSet + "test/positive.csv", header + rows);
    return message_of([&] { make_set("dna", settings, {folder.path()}); });
  };
  EXPECT_NE(error("0,chr1,2,60,-\n", {{"genome", genome}}).find("positive.csv:2: ends at 60; chromosome 1 of"),
            std::string::npos);
  EXPECT_NE(error("0,chr7,2,6,-\n", {{"genome", genome}}).find("has no chromosome 7"), std::string::npos);
  EXPECT_NE(error("0,chr1,6,6,-\n", {{"genome", genome}}).find("start 6 is not before end 6"), std::string::npos);
  EXPECT_NE(error("0,chr1,x,6,-\n", {{"genome", genome}}).find("'x'; expected a position"), std::string::npos);
  EXPECT_NE(error("0,chr1,2,6,-\n", Json::object()).find("needs genome=FILE"), std::string::npos);
  EXPECT_THROW(make_set("dna", Json::object(), {folder.path()}), DataNotReady);
}

TEST(Dna, EveryClassMayHaveAGenomeOfItsOwn) {
  ScratchFolder folder;
  const auto human = folder.put("human.fa", ">chr1\nAAAACCCC\n").string();
  const auto worm = folder.put("worm.fa", ">chr1\nGGGGTTTT\n>chrX\nACGT\n").string();
  const std::string set = "genomic_benchmarks/demo_human_or_worm/", header = "id,region,start,end,strand\n";
  for (const std::string part : {"train", "test"}) {
    folder.put(set + part + "/human.csv", header + "0,chr1,2,6,+\n1,chr1,0,2,+\n");
    folder.put(set + part + "/worm.csv", header + "0,chr1,2,6,+\n1,chrX,0,2,-\n");
  }
  const auto make = [&](const Json& genomes, const std::string& key = "genomes") {
    return make_set("dna", {{"name", "demo_human_or_worm"}, {key, genomes}}, {folder.path()});
  };
  const auto data = make({human, worm});
  EXPECT_EQ(data->facts().class_names, (std::vector<std::string>{"human", "worm"}));
  EXPECT_EQ(example_of(*data, Split::test, 0).first.tokens, (Tokens{1, 1, 2, 2}));  // AACC
  EXPECT_EQ(example_of(*data, Split::test, 2).first.tokens, (Tokens{3, 3, 4, 4}));  // GGTT
  EXPECT_EQ(example_of(*data, Split::test, 3).first.tokens, (Tokens{3, 4}));        // the other strand: GT
  EXPECT_EQ(example_of(*data, Split::test, 3).label, 1);
  EXPECT_NE(message_of([&] { make({worm, human}); }).find("human.fa has no chromosome X"), std::string::npos);
  EXPECT_NE(message_of([&] {
              make({human, worm, worm});
            }).find("names 3 files; expected one for each of the 2"),
            std::string::npos);
  EXPECT_NE(message_of([&] { make(human, "genome"); }).find("human.fa has no chromosome X"), std::string::npos);
  const Json both{{"name", "demo_human_or_worm"}, {"genome", human}, {"genomes", {human, worm}}};
  EXPECT_NE(error_of_set("dna", both, {folder.path()}).find("expected one of them"), std::string::npos);
}

TEST(Dna, FastaFilesAreOneClassEach) {
  ScratchFolder folder;
  std::string a, b;
  for (int i = 0; i < 20; ++i) {
    a += ">a\n" + std::string(4 + i, 'A') + "\n";
    b += ">b\nGT\nGT\n";
  }
  const Json settings{{"classes", {folder.put("a.fa", a).string(), folder.put("b.fa.txt", b).string()}}};
  const auto data = make_set("dna", settings, {});
  EXPECT_EQ(class_counts(*data, Split::test), (std::vector<std::int64_t>{4, 4}));
  EXPECT_EQ(class_counts(*data, Split::val), (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(class_counts(*data, Split::train), (std::vector<std::int64_t>{14, 14}));
  EXPECT_EQ(data->facts().protocol, "random-split");
}

TEST(Dna, MistakesAreOneClearLine) {
  ScratchFolder folder;
  put_sequences(folder);
  const auto error = [&](const Json& settings) {
    return message_of([&] { make_set("dna", settings, {folder.path()}); });
  };
  EXPECT_NE(error({{"name", "human_nontata_promotors"}}).find("did you mean 'human_nontata_promoters'"),
            std::string::npos);
  EXPECT_NE(error({{"name", "ecoli"}}).find("DNA set ecoli not found"), std::string::npos);
  folder.put(kSet + "test/positive/3.txt", "ACG-T");
  EXPECT_NE(error(Json::object()).find("3.txt:1:4: '-' is no base"), std::string::npos);
  folder.put(kSet + "test/positive/3.txt", "\n");
  EXPECT_NE(error(Json::object()).find("3.txt: empty; expected one sequence"), std::string::npos);
}

}  // namespace
}  // namespace longwave
