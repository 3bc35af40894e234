// `longwave data list | check | show | make` for sequence sets.

#include <gtest/gtest.h>

#include "longwave/data/listops.h"
#include "tests/data/sequence_set_testing.h"
#include "tests/support/parquet.h"
#include "tests/support/program.h"

namespace longwave {
namespace {

using testing::run_program;

class SequenceDataProgram : public ::testing::Test {
 protected:
  void put_texts(const std::string& folder, const std::string& repeated = "") const {
    for (const std::string part : {"train", "test"}) {
      std::string table = "label\tid\trating\ttext\n";
      for (int i = 0; i < 20; ++i)
        table +=
            std::to_string(i % 2) + "\t0\t5\t" + part + " text " + std::string(static_cast<std::size_t>(i), 'x') + "\n";
      if (!repeated.empty()) table += "1\t0\t5\t" + repeated + "\n";
      folder_.put(folder + "/" + part + ".tsv", table);
    }
  }
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  testing::Outcome data(const std::string& arguments) const { return run_program("data " + arguments); }

  ScratchFolder folder_{"sequence_data_program_test"};
};

void expect_words(const testing::Outcome& outcome, int code, const std::vector<std::string>& words) {
  EXPECT_EQ(outcome.code, code) << outcome.out;
  for (const auto& each : words)
    EXPECT_NE(outcome.out.find(each), std::string::npos) << each << "\nin\n" << outcome.out;
}

TEST_F(SequenceDataProgram, ListSaysGeneratedFoundOrNot) {
  put_texts("imdb");
  for (const std::string part : {"train", "eval", "test"}) folder_.put("tsv_data/my." + part + ".tsv", "x");
  expect_words(data("list --data " + folder_.path().string()), 0,
               {"forecasting", "long range arena", "language", "listops               generated\n",
                "text                  " + at("imdb") + "\n",
                "retrieval             " + at("tsv_data") + " (stem=my)\n", "wikitext              no\n"});
}

TEST_F(SequenceDataProgram, CheckCountsClassesLengthsAndDuplicates) {
  put_texts("imdb", "the same");
  expect_words(data("check " + folder_.path().string()), 0,
               {"text: " + at("imdb"), at("imdb/train.tsv") + ": 21 texts",
                "train: 19 samples; 9 negative, 10 positive", "val: 2 samples; 1 negative, 1 positive",
                "test: 21 samples; 10 negative, 11 positive", "steps: ", "median ", "duplicates: 1 of test in train\n",
                "protocol lra-strict", "sha256 ", "0 data sets for forecasting and 1 of sequences found, 0 bad"});
}

TEST_F(SequenceDataProgram, CheckTellsTheDamagedFromTheAbsent) {
  put_texts("imdb");
  folder_.put("imdb/test.tsv", "label\ttext\n2\tx\n");
  folder_.put("wikitext-2/valid.txt", " a \n"), folder_.put("wikitext-2/test.txt", " a b \n");
  expect_words(data("check " + folder_.path().string()), 2,
               {"text: BAD: " + at("imdb/test.tsv") + ":2: label '2'; expected 0 or 1",
                "wikitext: " + at("wikitext-2") + " (corpus=wikitext-2 parts=mini)", "train: 2 tokens",
                "2 of sequences found, 1 bad"});
  make_folder(folder_.path() / "empty");
  expect_words(data("check " + at("empty")), 2,
               {"looked in " + at("empty"), "aclImdb, imdb/aclImdb: train/neg + train/pos",
                "lra_release/tsv_data, lra_release/lra_release/tsv_data", "{stem}.train.tsv + {stem}.eval.tsv",
                "longwave data make listops", "ETT, ETT-small, ETDataset/ETT-small: ETTh1.csv",
                "none of the known data sets is there"});
}

TEST_F(SequenceDataProgram, CheckOfAFileOfASetNamesItsFolder) {
  const auto expect_folder = [&](const std::string& file, const std::string& sets, const std::string& folder) {
    expect_words(data("check " + at(file)), 2,
                 {"error: " + at(file) + ": no table for forecasting but a file of the sequence " + sets +
                  " give its folder, `longwave data check " + folder + "`\n"});
  };
  put_texts("imdb");
  expect_folder("imdb/train.tsv", "set text: to check that", at("imdb"));
  folder_.put("mnist/train-images-idx3-ubyte", std::string("\0\0\x8\x3", 4));
  expect_folder("mnist/train-images-idx3-ubyte", "sets pmnist, smnist: to check these", at("mnist"));
  folder_.put("series/A_TRAIN.ts", "@data\n1,2:x\n");
  expect_folder("series/A_TRAIN.ts", "set uea: to check that", at("series"));
  for (const std::string part : {"train/neg", "train/pos", "test/neg", "test/pos"})
    folder_.put("aclImdb/" + part + "/0_1.txt", "a film");
  expect_folder("aclImdb/test/neg/0_1.txt", "set text: to check that", at("aclImdb"));
  folder_.put("imdb/plain_text/train-00001-of-00002.parquet", "x");
  folder_.put("imdb/plain_text/train-00000-of-00002.parquet", "x");
  folder_.put("imdb/plain_text/test-00000-of-00001.parquet", "x");
  expect_folder("imdb/plain_text/train-00001-of-00002.parquet", "set text: to check that", at("imdb/plain_text"));
  folder_.put("genome.fa", ">a\nACGT\n");
  expect_words(data("check " + at("genome.fa")), 2,
               {"genome.fa: no table for forecasting but a file for sequence sets: to check one give its folder"});
  folder_.put("own/train.csv", "a,b\n1,2\n1,x\n"), folder_.put("own/test.csv", "a,b\n1,2\n");
  expect_words(data("check " + at("own/test.csv")), 0, {"1 rows, 2 columns"});
  expect_words(data("check " + at("own/train.csv")), 2,
               {"train.csv:3:2: 'x' in column 'b' is not a number", "; as a file of the sequence set text: to check"});
  folder_.put("own.csv", "a,b\n1,2\n1,x\n");
  EXPECT_EQ(data("check " + at("own.csv")).out.find("sequence set"), std::string::npos);
}

TEST_F(SequenceDataProgram, CheckSaysWhatAnArchiveLacks) {
  for (const auto* file : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"})
    folder_.put(std::string("mnist/") + file, "x");
  expect_words(
      data("check " + folder_.path().string()), 2,
      {"pmnist, smnist: INCOMPLETE: " + at("mnist") + " has train-images-idx3-ubyte, train-labels-idx1-ubyte.gz " +
           "and lacks t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte\n",
       "0 of sequences found, 0 bad; 1 incomplete\n", ": 1 data set lacks files; expected archives unpacked"});
}

TEST_F(SequenceDataProgram, CheckTellsWhatIsNotReadyFromTheDamaged) {
  const std::string set = "genomic_benchmarks/human_nontata_promoters/", header = "id,region,start,end,strand\n";
  for (const std::string part : {"train", "test"}) {
    for (const std::string label : {"negative", "positive"})
      folder_.put(set + part + "/" + label + ".csv", header + "0,chr1,2,6,+\n");
    for (const std::string bin : {"src", "src1", "label"}) folder_.put("lra/aan/" + bin + "-bin/" + part + ".idx", "x");
  }
  for (const std::string part : {"train", "valid", "test"}) folder_.put("own/" + part + ".txt", part);
  expect_words(data("check " + folder_.path().string()), 0,
               {"characters: " + at("own") + " (name=own)", "train: 5 tokens",
                "dna: found, not ready: " + at(set + "train") + ": intervals, not sequences; needs genome=FILE",
                "retrieval: found, not ready: " + at("lra/aan") + ": files that fairseq has binarised",
                "expected there: new_aan_pairs.train.tsv + ", "3 of sequences found, 0 bad"});
  expect_words(data("list --data " + folder_.path().string()), 0,
               {"retrieval             " + at("lra/aan") + " (in a form that is not read)\n"});
}

TEST_F(SequenceDataProgram, CheckReadsParquetTables) {
  const auto file = [](const std::string& part) { return "imdb/plain_text/" + part + "-00000-of-00001.parquet"; };
  folder_.put(file("train"), testing::labelled_parquet({"a", "bc", "d", "e"}, {0, 1, 0, 1}));
  folder_.put(file("test"), testing::labelled_parquet({"f", "g"}, {0, 1}));
  expect_words(data("check " + folder_.path().string()), 0,
               {"text: " + at("imdb/plain_text"), at(file("train")) + ": 4 texts", at(file("test")) + ": 2 texts",
                "1 of sequences found, 0 bad"});
  folder_.put(file("test"), "PAR1PAR1");
  expect_words(data("check " + folder_.path().string()), 2,
               {"text: BAD: " + at(file("test")) + ": damaged or cut short Parquet file (8 bytes"});
}

TEST_F(SequenceDataProgram, CheckSaysOnceWhatIsInALabelledSet) {
  for (const std::string part : {"train", "test"})
    for (const std::string label : {"negative", "positive"})
      for (int i = 0; i < 10; ++i)
        folder_.put(
            "genomic_benchmarks/human_nontata_promoters/" + part + "/" + label + "/" + std::to_string(i) + ".txt",
            label == "negative" ? "ACGT" : "TTTT");
  const auto outcome = data("check " + folder_.path().string());
  expect_words(outcome, 0, {"train: 18 samples; 9 negative, 9 positive; 4 steps each\n"});
  for (const std::string once : {"train: ", "duplicates", "sha256"})
    EXPECT_EQ(outcome.out.find(once), outcome.out.rfind(once)) << once << " in\n" << outcome.out;
}

TEST_F(SequenceDataProgram, ShowPrintsTokensByName) {
  expect_words(
      data("show listops max_depth=3 max_args=3 min_length=5 max_length=12 train_samples=50 val_samples=5 "
           "test_samples=5 --samples 1 --baselines"),
      0, {"ListOps: ", "protocol", "train: 50 samples", "root operator only: ", "train 0, ", "label ", " X <eos>"});
  expect_words(data("show text-synthetic length=12 letters=2 --samples 1 --split test --steps 5"), 0,
               {"test 0, 12 steps, label chain ", " ... (12 in all)"});
  folder_.put("own/input.txt", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nb");
  expect_words(data("show characters name=own --split val --data " + folder_.path().string()), 0,
               {"train: 37 tokens", "val: aaa\\nb\n"});
}

TEST_F(SequenceDataProgram, ShowRefusesWhatItCannotShow) {
  expect_words(data("show listop"), 2, {"unknown data set 'listop'; did you mean 'listops'?"});
  expect_words(data("show path-x"), 2, {"did you mean 'pathfinder' with data.resolution=128?"});
  expect_words(data("show Pathfinder32/hard"), 2, {"did you mean 'pathfinder' with data.difficulty=hard?"});
  expect_words(data("show pathfinder128/curv_baseline"), 2,
               {"did you mean 'pathfinder' with data.resolution=128 and data.difficulty=easy?"});
  expect_words(data("show imdb"), 2, {"did you mean 'text'?"});
  expect_words(data("show cifar10"), 2, {"did you mean 'image' (grey) or 'scifar' (colour)?"});
  expect_words(data("show lra"), 2, {"did you mean one of its tasks: 'listops', "});
  expect_words(data("show lra_image"), 2, {"did you mean 'image'?"});
  expect_words(data("show mnist"), 2, {"did you mean 'smnist' (row by row) or 'pmnist' (permuted)?"});
  expect_words(data("get human_enhancers_cohn"), 2, {"did you mean 'dna' with data.name=human_enhancers_cohn?"});
  expect_words(data("show listops max_dept=4"), 2, {"unknown key data.max_dept; did you mean 'max_depth'?"});
  expect_words(data("show text-synthetic --split dev"), 2, {"no split is called 'dev'; expected train, val or test"});
  expect_words(data("show text-synthetic words"), 2, {"'words'; expected field=value"});
  expect_words(data("show text --data " + folder_.path().string()), 2,
               {"Text (IMDb reviews) not found; tried the folders " + folder_.path().string(), "train.tsv + test.tsv",
                "; source: Maas et al. 2011"});
  expect_words(data("show listops source=lra --data " + folder_.path().string()), 2,
               {"ListOps not found; ", "`longwave data make listops --out DIR`; source=generated needs none"});
}

TEST_F(SequenceDataProgram, ArchivesAreToldWithTheCommandThatUnpacksThem) {
  const auto root = folder_.path().string();
  folder_.put("cifar-10-binary.tar.gz", "x"), folder_.put("imdb/mine.zip", "x"), folder_.put("of_others.tar", "x");
  const auto image = data("show image --data " + root);
  expect_words(image, 2,
               {"CIFAR-10 not found", "; " + at("cifar-10-binary.tar.gz") + " is an archive, to be unpacked: `tar xf " +
                                          at("cifar-10-binary.tar.gz") + " -C " + root + "`; expected together"});
  EXPECT_EQ(image.out.find("of_others"), std::string::npos) << image.out;
  expect_words(data("show text --data " + root), 2, {"`unzip " + at("imdb/mine.zip") + " -d " + at("imdb") + "`"});
  expect_words(data("check " + at("cifar-10-binary.tar.gz")), 2,
               {": an archive with the files of image, scifar; expected its files unpacked: `tar xf ",
                " -C " + root + "`, then `longwave data check " + root + "`"});
  expect_words(data("check " + at("of_others.tar")), 2,
               {"of_others.tar: an archive; expected its files unpacked: `tar"});
  folder_.put("speech_commands_v0.02.tar.gz", "x");
  expect_words(data("show sc35 --data " + root), 2,
               {"`mkdir -p " + at("speech_commands_v0.02") + " && tar xf " + at("speech_commands_v0.02.tar.gz") +
                " -C " + at("speech_commands_v0.02") + "`"});
  expect_words(data("check " + root), 2, {"nor any CSV file; " + at("cifar-10-binary.tar.gz") + " is an archive"});
}

TEST_F(SequenceDataProgram, GetOfASetInAnArchiveSaysTheCommands) {
  expect_words(
      data("get sc35 --out 'new data'"), 2,
      {"sc35 comes in an archive, which is not downloaded from here; run `curl -L --create-dirs -o "
       "'new data/speech_commands_v0.02.tar.gz' http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz "
       "&& echo af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58 'new "
       "data/speech_commands_v0.02.tar.gz' "
       "| sha256sum -c && mkdir -p 'new data/speech_commands_v0.02' && tar xf 'new data/speech_commands_v0.02.tar.gz' "
       "-C "
       "'new data/speech_commands_v0.02'`; source: Warden 2018"});
  expect_words(data("get text --out d"), 2,
               {"d/aclImdb_v1.tar.gz | md5sum -c && tar xf d/aclImdb_v1.tar.gz -C d`; source: "});
  expect_words(data("get uea --out d"), 2, {"uea is not downloaded from here; source: ", "; expected below d: "});
}

TEST_F(SequenceDataProgram, MakeListOpsWritesTheFilesOfTheArchive) {
  const std::string small =
      " max_depth=4 max_args=5 min_length=15 max_length=100 train_samples=30 val_samples=4 test_samples=5";
  expect_words(data("make listops --seed 3 --out " + at("made") + small), 0,
               {at("made/basic_train.tsv"), "30 / 4 / 5 expressions from "});
  EXPECT_EQ(read_file(folder_.path() / "made/basic_val.tsv").substr(0, 20), "Source\tTarget\n( ( ( ");
  expect_words(data("check " + at("made")), 0, {"listops: " + at("made") + " (source=lra)", "train: 30 samples"});
  expect_words(data("make synthetic-var max_depth=4 --out " + at("made")), 2, {"synthetic-var takes no max_depth=4"});
}

}  // namespace
}  // namespace longwave
