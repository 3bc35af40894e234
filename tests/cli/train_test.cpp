// Trains, stops, resumes and scores through the built program.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "longwave/base/atomic_file.h"
#include "tests/support/program.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;
using testing::Outcome;

class TrainTest : public ::testing::Test {
 protected:
  TrainTest() : folder_(fs::temp_directory_path() / ("longwave_train_" + std::to_string(::getpid()))) {
    make_folder(folder_);
    std::string csv = "date,a,OT\n";
    for (int i = 0; i < 200; ++i)
      csv += "2020-01-" + std::to_string(101 + i / 24).substr(1) + " " + std::to_string(100 + i % 24).substr(1) +
             ":00:00," + std::to_string(std::sin(0.3 * i)) + "," + std::to_string(std::cos(0.7 * i) + 0.01 * i) + "\n";
    write_file(folder_ / "series.csv", csv);
    write_recipe("linear", "");
  }
  ~TrainTest() override { fs::remove_all(folder_); }

  void write_recipe(const std::string& model, const std::string& more) const {
    write_file(folder_ / "own.toml", "[task]\ndata = \"" + path("series.csv") +
                                         "\"\nlookback = 12\nhorizon = 3\n[model]\nname = \"" + model +
                                         "\"\n[train]\nepochs = 3\nbatch = 8\nthreads = 1\n" + more);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  Outcome train(const std::string& arguments) const {
    return testing::run_program("train " + path("own.toml") + " " + arguments);
  }

  /// Starts a run far too long to end, and sends `signal` once there is a checkpoint. Returns the wait status.
  int stopped_by(int signal, const std::string& run, const std::string& override) const {
    const auto recipe = path("own.toml"), folder = path(run);
    const auto child = ::fork();
    if (child == 0) {
      std::freopen("/dev/null", "w", stdout);
      std::freopen("/dev/null", "w", stderr);
      ::execl(LONGWAVE_PROGRAM, "longwave", "train", recipe.c_str(), "--run", folder.c_str(), override.c_str(),
              nullptr);
      ::_exit(127);
    }
    int status = 0;
    while (!fs::exists(folder_ / run / "last.safetensors") && ::waitpid(child, &status, WNOHANG) == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ::kill(child, signal);
    ::waitpid(child, &status, 0);
    return status;
  }

  nlohmann::json result(const std::string& run) const {
    return nlohmann::json::parse(read_file(folder_ / run / "result.json"));
  }

  fs::path folder_;
};

TEST_F(TrainTest, TrainsScoresAndRefusesASecondRun) {
  const auto first = train("--run " + path("run"));
  ASSERT_EQ(first.code, 0) << first.out;
  const auto again = train("--run " + path("run"));
  EXPECT_EQ(again.code, 2);
  EXPECT_NE(again.out.find("holds a finished run"), std::string::npos) << again.out;
  const auto scores = testing::run_program("evaluate " + path("run"));
  EXPECT_EQ(scores.code, 0);
  char expected[64];
  std::snprintf(expected, sizeof expected, "mse %.5f", result("run")["test"]["mse"].get<double>());
  EXPECT_NE(scores.out.find(expected), std::string::npos) << scores.out;
  EXPECT_EQ(testing::run_program("evaluate " + path("run") + " --step-scale 2").code, 2);
  EXPECT_EQ(testing::run_program("evaluate " + path("run") + " data.every=2").code, 2);
}

TEST_F(TrainTest, ModelWithoutParametersIsOnlyScored) {
  write_recipe("naive-last", "");
  const auto outcome = train("--run " + path("run"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_EQ(result("run")["stopped"], "no parameters");
  EXPECT_EQ(testing::run_program("evaluate " + path("run")).code, 0);
}

TEST_F(TrainTest, MistakesEndWithTwoAndLeaveNoFolder) {
  const auto outcome = train("task.data=nope --run " + path("run"));
  EXPECT_EQ(outcome.code, 2) << outcome.out;
  EXPECT_FALSE(fs::exists(folder_ / "run"));
  write_file(folder_ / "own.toml", "[compare]\nmodels = [\"linear\"]\n");
  EXPECT_NE(train("").out.find("run it with longwave compare"), std::string::npos);
}

TEST_F(TrainTest, TheFolderOfTheDataIsRememberedForResumingAndScoring) {
  const auto file = folder_ / "exchange_rate.csv";
  fs::rename(folder_ / "series.csv", file);
  const auto named = "task.data=exchange_rate --data " + fs::relative(folder_).string() + " --run " + path("run");
  ASSERT_EQ(train(named + " train.epochs=1").code, 0);
  const auto scores = testing::run_program("evaluate " + path("run"));
  EXPECT_EQ(scores.code, 0) << scores.out;
  EXPECT_EQ(testing::run_program("evaluate " + path("run/best.safetensors")).code, 0);
  fs::remove(folder_ / "run" / "result.json");
  const auto resumed = testing::run_program("train --resume " + path("run") + " train.epochs=2");
  EXPECT_EQ(resumed.code, 0) << resumed.out;
  EXPECT_EQ(testing::run_program("evaluate " + path("run")).code, 0) << "the resumed run remembers it as well";
  const auto environment = nlohmann::json::parse(read_file(folder_ / "run" / "environment.json"));
  EXPECT_TRUE(fs::path(environment.at("data").get<std::string>()).is_absolute()) << environment.at("data");
  fs::create_directory(folder_ / "moved");
  fs::rename(file, folder_ / "moved" / file.filename());
  EXPECT_EQ(testing::run_program("evaluate " + path("run")).code, 2);
  EXPECT_EQ(testing::run_program("evaluate " + path("run") + " --data " + path("moved")).code, 0);
  write_file(folder_ / "run" / "environment.json", "{\"data\": ");
  EXPECT_EQ(testing::run_program("evaluate " + path("run") + " --data " + path("moved")).code, 0);
  EXPECT_EQ(testing::run_program("evaluate " + path("run")).code, 2);
}

TEST_F(TrainTest, EvaluateOnDataWithOtherSeriesNamesBothCounts) {
  ASSERT_EQ(train("--run " + path("run")).code, 0);
  auto csv = "date,b,a,OT\n" + read_file(folder_ / "series.csv").substr(10);
  for (auto at = csv.find(":00:00,"); at != std::string::npos; at = csv.find(":00:00,", at + 1))
    csv.insert(at + 7, "1.5,");
  write_file(folder_ / "series.csv", csv);
  const auto outcome = testing::run_program("evaluate " + path("run"));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "error: " + path("series.csv") + ": has 3 series with task.features = \"M\"; the run " +
                             path("run") + " was trained on 2\n");
}

TEST_F(TrainTest, DataThatChangedEndAResumeAndAreSaidWhenScored) {
  ASSERT_EQ(train("train.epochs=1 --run " + path("run")).code, 0);
  EXPECT_EQ(testing::run_program("evaluate " + path("run")).out.find("note:"), std::string::npos);
  fs::remove(folder_ / "run" / "result.json");
  const auto csv = read_file(folder_ / "series.csv");
  write_file(folder_ / "series.csv", csv + "2020-01-09 08:00:00,0.1,0.2\n");
  const auto refused = testing::run_program("train --resume " + path("run") + " train.epochs=2");
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.out.find("last.safetensors: the data of " + path("series.csv") +
                             " are not those that the run began with"),
            std::string::npos)
      << refused.out;
  const auto scores = testing::run_program("evaluate " + path("run"));
  EXPECT_EQ(scores.code, 0);
  EXPECT_EQ(scores.out.find("note: these are not the data that " + path("run") + " was trained on: their hash was "), 0)
      << scores.out;
  EXPECT_NE(testing::run_program("evaluate " + path("run") + " --json").out.find("\"other_data\": true"),
            std::string::npos);
  write_file(folder_ / "series.csv", csv);
  EXPECT_EQ(testing::run_program("train --resume " + path("run") + " train.epochs=2").code, 0);
}

TEST_F(TrainTest, StoppedOrKilledAndResumedEndsWithTheScoresOfAWholeRun) {
  write_recipe("linear", "schedule = \"constant\"\npatience = 0\n");
  const auto term = stopped_by(SIGTERM, "term", "train.epochs=100000");
  ASSERT_TRUE(WIFEXITED(term));
  EXPECT_EQ(WEXITSTATUS(term), 130);
  const auto killed = stopped_by(SIGKILL, "kill", "train.epochs=100000");
  EXPECT_TRUE(WIFSIGNALED(killed));
  const std::string epochs = " train.epochs=60";
  ASSERT_EQ(train("--run " + path("whole") + epochs).code, 0);
  for (const std::string run : {"term", "kill"}) {
    EXPECT_FALSE(fs::exists(folder_ / run / "result.json"));
    const auto resumed = train("--resume --run " + path(run) + epochs);
    ASSERT_EQ(resumed.code, 0) << resumed.out;
    EXPECT_EQ(result(run)["val"], result("whole")["val"]);
    EXPECT_EQ(result(run)["test"], result("whole")["test"]);
    EXPECT_EQ(result(run)["steps"], result("whole")["steps"]);
  }
}

TEST_F(TrainTest, ResumesWithTheRecipeOfTheRunDirectory) {
  write_recipe("linear", "schedule = \"constant\"\npatience = 0\n");
  stopped_by(SIGTERM, "run", "train.epochs=100000");
  ASSERT_EQ(train("train.epochs=60 --run " + path("whole")).code, 0);
  fs::remove(folder_ / "own.toml");
  const auto resumed = testing::run_program("train train.epochs=60 --resume --run " + path("run"));
  ASSERT_EQ(resumed.code, 0) << resumed.out;
  EXPECT_EQ(result("run")["test"], result("whole")["test"]);
  const auto nowhere = testing::run_program("train --resume --run " + path("nowhere"));
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_NE(nowhere.out.find("nowhere/recipe.toml: no such file"), std::string::npos) << nowhere.out;
  EXPECT_NE(testing::run_program("train --resume").out.find("expected the run directory"), std::string::npos);
  for (const std::string words : {"train ", "train --resume "})
    EXPECT_EQ(testing::run_program(words + std::string(300, 'a')).code, 2) << "a name that no file can have";
}

TEST_F(TrainTest, TheRunDirectoryMayStandInTheRecipesPlaceToResume) {
  write_recipe("linear", "schedule = \"constant\"\npatience = 0\n");
  for (const std::string run : {"behind", "before", "recipe"}) stopped_by(SIGTERM, run, "train.epochs=100000");
  ASSERT_EQ(train("train.epochs=60 --run " + path("whole")).code, 0);
  ASSERT_EQ(train("train.epochs=60 --resume --run " + path("recipe")).code, 0);
  ASSERT_EQ(testing::run_program("train --resume " + path("behind") + " train.epochs=60").code, 0);
  ASSERT_EQ(testing::run_program("train " + path("before") + " --resume train.epochs=60").code, 0);
  for (const std::string run : {"behind", "before", "recipe"}) EXPECT_EQ(result(run)["test"], result("whole")["test"]);
  const auto refused = [](const std::string& arguments, const std::string& words) {
    const auto outcome = testing::run_program("train " + arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.out;
    EXPECT_NE(outcome.out.find("error: " + words), std::string::npos) << outcome.out;
  };
  refused("--resume " + path("behind"), path("behind") + ": holds a finished run");
  refused("--resume " + path("behind") + " --run " + path("before"),
          path("behind") + ": is a run directory, and so is");
  refused("--resume " + folder_.string(), path("recipe.toml") + ": no such file; expected the directory of a run");
  refused("--resume --overwrite --run " + path("behind"), "--resume goes on with a run, which --overwrite would");
  refused(path("behind"), path("behind") + ": is a folder; expected a recipe, or longwave train --resume ");
  const auto nowhere = path("own.toml") + " --resume --run " + path("nowhere");
  refused(nowhere, path("nowhere") + ": no such run directory; leave out --resume");
}

TEST_F(TrainTest, WhatIsNoRunDirectoryIsSaidSo) {
  const auto said = [](const std::string& run) {
    const auto outcome = testing::run_program("evaluate " + run);
    EXPECT_EQ(outcome.code, 2) << outcome.out;
    return outcome.out;
  };
  EXPECT_NE(said(path("nowhere")).find("nowhere: there is no such folder; expected a run directory"),
            std::string::npos);
  EXPECT_NE(said(folder_.string()).find(": is no run directory; expected"), std::string::npos);
  EXPECT_NE(said(path("own.toml")).find("own.toml: is no run directory; expected"), std::string::npos);
  make_folder(folder_ / "begun");
  write_file(folder_ / "begun/environment.json", "{}");
  EXPECT_NE(said(path("begun")).find("begun: holds a run without a finished epoch"), std::string::npos);
}

TEST_F(TrainTest, AFolderOfDataThatIsNotThereIsRefusedEverywhere) {
  ASSERT_EQ(train("--run " + path("run")).code, 0);
  for (const std::string& command :
       {"train " + path("own.toml") + " --run " + path("other"), "evaluate " + path("run"),
        "compare " + path("own.toml"), "inspect " + path("run"), std::string("verify"), std::string("data list"),
        std::string("data show chirps"), std::string("data get ETTh1")}) {
    const auto outcome = testing::run_program(command + " --data " + path("nowhere"));
    EXPECT_EQ(outcome.code, 2) << command;
    EXPECT_NE(outcome.out.find("--data: is '" + path("nowhere") + "'; expected a folder that is there"),
              std::string::npos)
        << outcome.out;
  }
  EXPECT_FALSE(fs::exists(folder_ / "other"));
}

}  // namespace
}  // namespace longwave
