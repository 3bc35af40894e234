// Runs `longwave data` of the built program.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "longwave/base/atomic_file.h"
#include "longwave/io/checksum.h"
#include "longwave/io/safetensors.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

class DataProgram : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("longwave_data_program_test" + std::to_string(::getpid()));
    make_folder(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Runs `longwave data ARGUMENTS`; everything it prints is left in out_.
  int run(const std::string& arguments) {
    std::string command = LONGWAVE_PROGRAM;
    command += " data ";
    command += arguments;
    command += " 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    std::array<char, 4096> buffer;
    out_.clear();
    while (const auto n = fread(buffer.data(), 1, buffer.size(), pipe)) out_.append(buffer.data(), n);
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string at(const std::string& name) const { return (folder_ / name).string(); }
  bool says(const std::string& words) const { return out_.find(words) != std::string::npos; }

  fs::path folder_;
  std::string out_;
};

TEST_F(DataProgram, ListSaysWhatIsThere) {
  make_folder(folder_ / "ETT-small");
  write_file(folder_ / "ETT-small/ETTh2.csv", "date,OT\n2020,1\n");
  EXPECT_EQ(run("list --data " + folder_.string()), 0);
  EXPECT_TRUE(says(at("ETT-small/ETTh2.csv"))) << out_;
  EXPECT_TRUE(says("no; longwave data get ETTh1")) << out_;
}

TEST_F(DataProgram, CheckDescribesAFile) {
  write_file(folder_ / "own.csv",
             "date,a,b,c\n2020-01-01,1,5,3\n2020-01-02,,5,-9999\n2020-01-03,2,5,4\n2020-01-05,2,5,4\n");
  EXPECT_EQ(run("check " + at("own.csv")), 0) << out_;
  EXPECT_TRUE(says("4 rows, 3 columns, 1 missing values")) << out_;
  EXPECT_TRUE(says("2020-01-01 to 2020-01-05, daily")) << out_;
  EXPECT_TRUE(says("constant: b")) << out_;
  EXPECT_TRUE(says("'c': -9999.0 occurs 1 times")) << out_;
  EXPECT_TRUE(says("1 steps are not daily, the first before line 5")) << out_;
  EXPECT_TRUE(says("sha256 " + sha256_of_file(at("own.csv")))) << out_;
}

TEST_F(DataProgram, CheckOfAFolderFindsBadSetsAndDrawsTheTreeWhenEmpty) {
  EXPECT_EQ(run("check " + folder_.string()), 2);
  EXPECT_TRUE(says("ETDataset/ETT-small: ETTh1.csv") && says("none of the")) << out_;
  write_file(folder_ / "weather.csv", "date,a\n2020-01-01,1\n2020-01-02,x\n");
  EXPECT_EQ(run("check " + folder_.string()), 2);
  EXPECT_TRUE(says("weather: BAD: " + at("weather.csv") + ":3:2: 'x' in column 'a' is not a number")) << out_;
  EXPECT_EQ(run("check " + at("nowhere")), 2);
  EXPECT_TRUE(says("no such folder")) << out_;
}

TEST_F(DataProgram, CheckOfAFolderWithoutAKnownSetDescribesItsTables) {
  write_file(folder_ / "b.csv", "date,a,b\n2020-01-01,1,5\n2020-01-02,,6\n");
  write_file(folder_ / "a.csv", "x\n0.5\n2\n3\n");
  write_file(folder_ / "notes.txt", "mine");
  fs::create_symlink("loop.csv", folder_ / "loop.csv");  // leads to no file
  EXPECT_EQ(run("check " + folder_.string()), 0) << out_;
  EXPECT_TRUE(says("a: " + at("a.csv") + "\n  3 rows, 1 columns, 0 missing values\n")) << out_;
  EXPECT_TRUE(says("b: " + at("b.csv") + "\n  2 rows, 2 columns, 1 missing values\n")) << out_;
  EXPECT_TRUE(says("2020-01-01 to 2020-01-02, daily")) << out_;
  EXPECT_TRUE(says("2 CSV files of your own found, 0 bad; none of the known data sets is there")) << out_;
  write_file(folder_ / "a.csv", "x\n0.5\ny\n");
  EXPECT_EQ(run("check " + folder_.string()), 2);
  EXPECT_TRUE(says("a.csv: BAD: " + at("a.csv") + ":3:1: 'y' in column 'x'")) << out_;
  EXPECT_TRUE(says("1 of 2 CSV files cannot be used")) << out_;
  write_file(folder_ / "weather.csv", "date,a\n2020-01-01,1\n2020-01-02,2\n");
  EXPECT_EQ(run("check " + folder_.string()), 0);
  EXPECT_FALSE(says("a.csv")) << "beside a known set nothing else is looked at: " << out_;
}

TEST_F(DataProgram, MakeRefusesTheOptionsOfAnotherGenerator) {
  EXPECT_EQ(run("make listops --series 5 --out " + at("made")), 2);
  EXPECT_TRUE(says("listops takes no --series; expected --seed and field=value")) << out_;
  EXPECT_EQ(run("make pathfinder --val-series 5 --out " + at("made")), 2);
  EXPECT_TRUE(says("pathfinder takes no --val-series")) << out_;
  EXPECT_FALSE(fs::exists(folder_ / "made"));
}

TEST_F(DataProgram, MakeWritesBothFamilies) {
  EXPECT_EQ(run("make synthetic-var --out " + at("made") + " --seed 3 --series 6 --val-series 2"), 0) << out_;
  const SafetensorsFile file(folder_ / "made/synthetic_var.safetensors");
  EXPECT_EQ(file.at("train").shape, (std::vector<std::int64_t>{6, 65, 2}));
  EXPECT_EQ(file.at("val").shape, (std::vector<std::int64_t>{2, 65, 2}));
  EXPECT_EQ(run("make synthetic-vra --out " + at("made")), 2);
  EXPECT_TRUE(says("did you mean 'synthetic-var'?")) << out_;
}

TEST_F(DataProgram, AMakeThatFailsLeavesNoFolder) {
  const std::string out = " --out " + at("new/made");
  EXPECT_EQ(run("make pathfinder contour_length=0" + out), 2) << out_;
  EXPECT_EQ(run("make listops max_depth=1" + out), 2) << out_;
  EXPECT_EQ(run("make listops --seed -1" + out), 2) << out_;
  EXPECT_EQ(run("make synthetic-var x=1" + out), 2) << out_;
  EXPECT_FALSE(fs::exists(folder_ / "new"));
  write_file(folder_ / "kept.txt", "mine");
  EXPECT_EQ(run("make listops max_depth=1 --out " + folder_.string()), 2) << out_;
  EXPECT_EQ(read_file(folder_ / "kept.txt"), "mine");
}

TEST_F(DataProgram, ShowOfASetForForecastingSaysWhatToRun) {
  EXPECT_EQ(run("show traffic"), 2);
  EXPECT_TRUE(says("traffic is a set for forecasting")) << out_;
}

TEST_F(DataProgram, GetPutsTheFileWhereItIsLookedFor) {
  write_file(folder_ / "served.csv", "date,OT\n2020,1\n");
  const auto source = " --url file://" + at("served.csv") + " --out " + at("got");
  EXPECT_EQ(run("get weather" + source + " --sha256 " + std::string(64, '0')), 2);
  EXPECT_TRUE(says("wrong checksum")) << out_;
  EXPECT_FALSE(fs::exists(folder_ / "got/weather/weather.csv"));
  EXPECT_EQ(run("get weather" + source + " --sha256 " + sha256_of_file(at("served.csv"))), 0) << out_;
  EXPECT_EQ(read_file(folder_ / "got/weather/weather.csv"), "date,OT\n2020,1\n");
  EXPECT_EQ(run("get weather" + source), 0);
  EXPECT_TRUE(says("is there already")) << out_;
  EXPECT_EQ(run("get weather" + source + " --sha256 " + std::string(64, '0')), 2);
  EXPECT_TRUE(says("move the file away")) << out_;
}

TEST_F(DataProgram, GetWithoutAnAddressOrForAnUnknownSetSaysSo) {
  EXPECT_EQ(run("get traffic --out " + at("got")), 2);
  EXPECT_TRUE(says("no public address of traffic is known; source: the collection of data sets that ")) << out_;
  EXPECT_TRUE(says("put the file at " + at("got/traffic/traffic.csv") + " (also .gz or .xz), or give")) << out_;
  EXPECT_EQ(run("get text --out " + at("got")), 2);
  EXPECT_TRUE(says("source: Maas et al. 2011") && says("expected below " + at("got") + ": train/neg + ")) << out_;
  EXPECT_TRUE(says("in aclImdb or imdb/aclImdb; or train.tsv + test.tsv in imdb")) << out_;
  EXPECT_EQ(run("get chirps --out " + at("got")), 2);
  EXPECT_TRUE(says("chirps is generated and needs no files")) << out_;
  EXPECT_FALSE(fs::exists(folder_ / "got"));
  EXPECT_EQ(run("get ETTh3 --out " + at("got")), 2);
  EXPECT_TRUE(says("did you mean 'ETTh1'?")) << out_;
}

}  // namespace
}  // namespace longwave
