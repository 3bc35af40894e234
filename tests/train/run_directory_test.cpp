#include "longwave/train/run_directory.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

class TestTouches : public ::testing::Test {
 protected:
  TestTouches() : folder_(fs::temp_directory_path() / ("longwave_touches_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    make_folder(folder_);
    write_file(folder_ / "environment.json", "{}");
  }
  ~TestTouches() override { fs::remove_all(folder_); }

  Json result() const { return Json::parse(read_file(folder_ / "result.json")); }

  fs::path folder_;
};

TEST_F(TestTouches, AreCountedBeforeAndAfterTheEndOfARun) {
  EXPECT_EQ(add_test_touches(folder_, 1), 1);
  EXPECT_EQ(add_test_touches(folder_, 2), 3);
  EXPECT_FALSE(fs::exists(folder_ / "result.json"));
  write_file(folder_ / "result.json", R"({"test": {"loss": 0.1}, "test_touches": 3, "history": []})");
  EXPECT_EQ(add_test_touches(folder_, 1), 4);
  EXPECT_EQ(result().at("test_touches"), 4);
  EXPECT_EQ(result().at("test").at("loss"), 0.1);
}

TEST_F(TestTouches, RunsOfVersionsThatDidNotCountWereScoredOnce) {
  write_file(folder_ / "result.json", R"({"test": {"loss": 0.1}})");
  EXPECT_EQ(add_test_touches(folder_, 1), 2);
  fs::remove(folder_ / "test_touches");
  EXPECT_EQ(add_test_touches(folder_, 1), 3) << "the result knows it as well";
  fs::remove(folder_ / "test_touches");
  write_file(folder_ / "result.json", R"({"test": {}})");
  EXPECT_EQ(add_test_touches(folder_, 0), 0);
}

TEST_F(TestTouches, NoneIsLostWhereProcessesCountAtOnce) {
  write_file(folder_ / "result.json", R"({"test_touches": 0})");
  constexpr int kProcesses = 4, kTimes = 10;
  for (int i = 0; i < kProcesses; ++i)
    if (::fork() == 0) {
      for (int j = 0; j < kTimes; ++j) add_test_touches(folder_, 1);
      ::_exit(0);
    }
  for (int i = 0; i < kProcesses; ++i) ::wait(nullptr);
  EXPECT_EQ(add_test_touches(folder_, 0), kProcesses * kTimes);
  EXPECT_EQ(result().at("test_touches"), kProcesses * kTimes);
}

TEST_F(TestTouches, TheResultOfARunHasTheSameNumber) {
  RunDirectory run(folder_, false, false);
  EXPECT_EQ(add_test_touches(folder_, 1), 1);  // evaluated before its end
  EXPECT_EQ(run.write_result(Json{{"test_touches", 2}}, 2), 3);
  EXPECT_EQ(result().at("test_touches"), 3);
  EXPECT_EQ(add_test_touches(folder_, 0), 3);
}

TEST_F(TestTouches, TheLargerCountsWhereAProcessWasKilledInBetween) {
  write_file(folder_ / "test_touches", "2\n");
  write_file(folder_ / "result.json", R"({"test_touches": 3})");
  EXPECT_EQ(add_test_touches(folder_, 1), 4);
  EXPECT_EQ(result().at("test_touches"), 4);
}

TEST_F(TestTouches, AFolderThatIsNoRunIsLeftAlone) {
  fs::remove(folder_ / "environment.json");
  EXPECT_EQ(add_test_touches(folder_, 1), 0);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(TestTouches, ADamagedResultIsNamed) {
  write_file(folder_ / "result.json", "{");
  try {
    add_test_touches(folder_, 1);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("result.json: is damaged"), std::string::npos) << error.what();
  }
}

TEST(TestTouchesText, WarnsFromTheSecondOn) {
  EXPECT_EQ(test_touches_text(1), "the test split of this run was scored once");
  EXPECT_NE(test_touches_text(2).find("2 times"), std::string::npos);
  EXPECT_NE(test_touches_text(2).find("validation split"), std::string::npos);
}

}  // namespace
}  // namespace longwave
