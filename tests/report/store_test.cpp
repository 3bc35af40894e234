#include "longwave/report/store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <thread>

#include "longwave/base/atomic_file.h"
#include "longwave/report/process_id.h"

namespace longwave {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("lw_store_" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = folder_ / "s.sqlite";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static CellId cell(std::int64_t seed) {
    return {"forecast", "ETTh1", "dlinear", 96, 512, seed, {{"lr", 1e-4}, {"epochs", 3}}};
  }

  std::string refusal() const {
    try {
      Store store(path_, 0.05);
      store.all();
    } catch (const UserError& e) {
      return e.what();
    }
    return "";
  }

  /// Runs `action` in another process; returns its number. The child ends by _exit(action()).
  template <class Action>
  static pid_t child(Action action) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      int code = 99;
      try {
        code = action();
      } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
      }
      ::_exit(code);
    }
    return pid;
  }
  static int wait_for(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::filesystem::path folder_, path_;
};

TEST_F(StoreTest, KeyIgnoresTheOrderOfSettingsAndSeesEveryValue) {
  auto a = cell(1), b = cell(1);
  b.recipe = {{"epochs", 3}, {"lr", 1e-4}};
  EXPECT_EQ(a.key(), b.key());
  EXPECT_EQ(a.key().size(), 64u);
  b.recipe["lr"] = 2e-4;
  EXPECT_NE(a.key(), b.key());
  EXPECT_NE(cell(1).key(), cell(2).key());
}

TEST_F(StoreTest, AFinishedCellIsNeverHandedOutAgainAndKeepsItsResult) {
  CellResult result;
  result.scores = {{"mse", 0.3755}, {"mae", 0.4}, {"bad", std::nan("")}};
  result.parameters = 98496;
  result.seconds_per_step = 0.004;
  result.epochs = 17;
  result.best_step = 340;
  result.test_touches = 1;
  result.capped = true;
  result.curve = {{1, 0.8, 1.1}, {2, std::nan(""), 0.9}};
  result.forecasts = {{"OT", {1, 2}, {3}, {2.5}}};
  const auto key = cell(1).key();
  {
    Store store(path_);
    EXPECT_EQ(store.claim(cell(1)), Claim::mine);
    EXPECT_TRUE(store.finish(key, result));
  }
  Store store(path_);
  EXPECT_EQ(store.claim(cell(1)), Claim::done);
  EXPECT_EQ(store.claim(cell(1), true), Claim::done);
  EXPECT_FALSE(store.give_up(key, "too late"));
  const auto records = store.read({key, cell(2).key()});
  ASSERT_EQ(records.size(), 1u);
  const auto& got = records.at(key);
  EXPECT_EQ(got.state, CellState::done);
  EXPECT_EQ(got.id.key(), key);
  EXPECT_EQ(got.result.scores.at("mse"), 0.3755);
  EXPECT_EQ(got.result.best_step, 340);
  EXPECT_EQ(got.result.test_touches, 1);
  EXPECT_TRUE(std::isnan(got.result.scores.at("bad")));
  EXPECT_EQ(got.result.curve[1].val, 0.9);
  EXPECT_TRUE(std::isnan(got.result.curve[1].train));
  EXPECT_EQ(got.result.forecasts[0].history, (std::vector<double>{1, 2}));
  EXPECT_TRUE(got.result.capped);
}

TEST_F(StoreTest, AFailedCellIsRunAgainOnlyWhenAsked) {
  Store store(path_);
  store.claim(cell(1));
  store.give_up(cell(1).key(), "loss is not finite");
  EXPECT_EQ(store.claim(cell(1)), Claim::failed);
  EXPECT_EQ(store.all().at(0).error, "loss is not finite");
  EXPECT_EQ(store.claim(cell(1), true), Claim::mine);
}

TEST_F(StoreTest, AReleasedCellIsFree) {
  Store store(path_);
  store.claim(cell(1));
  store.release(cell(1).key());
  EXPECT_TRUE(store.all().empty());
  EXPECT_EQ(store.claim(cell(1)), Claim::mine);
}

TEST_F(StoreTest, FourProcessesShareCellsAndRunEachOnce) {
  constexpr int kCells = 40;
  std::vector<pid_t> pids;
  for (int p = 0; p < 4; ++p)
    pids.push_back(child([&] {
      Store store(path_);
      int mine = 0;
      for (int i = 0; i < kCells; ++i) {
        if (store.claim(cell(i)) != Claim::mine) continue;
        ++mine;
        if (!store.finish(cell(i).key(), {})) return 98;
      }
      return mine;
    }));
  int total = 0;
  for (const auto pid : pids) {
    const int code = wait_for(pid);
    EXPECT_LE(code, kCells);
    total += code;
  }
  EXPECT_EQ(total, kCells);
  EXPECT_EQ(Store(path_).all().size(), static_cast<std::size_t>(kCells));
}

TEST_F(StoreTest, ACellOfALiveProcessIsBusyAndOfAKilledOneFree) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const auto pid = child([&] {
    Store store(path_);
    const bool mine = store.claim(cell(1)) == Claim::mine;
    if (::write(ready[1], &mine, 1) != 1) return 1;
    for (;;) ::pause();
  });
  bool claimed = false;
  ASSERT_EQ(::read(ready[0], &claimed, 1), 1);
  EXPECT_TRUE(claimed);
  Store store(path_);
  EXPECT_EQ(store.claim(cell(1)), Claim::busy);
  EXPECT_EQ(store.all().at(0).state, CellState::running);
  ::kill(pid, SIGKILL);
  wait_for(pid);
  EXPECT_EQ(store.all().at(0).state, CellState::interrupted);
  EXPECT_EQ(store.claim(cell(1)), Claim::mine);
}

TEST_F(StoreTest, ACellOfAnotherMachineIsBusyUntilItsLeaseEnds) {
  Store store(path_);
  store.claim(cell(1));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  sqlite3_exec(db, "UPDATE cells SET owner = 'elsewhere/1/2'", nullptr, nullptr, nullptr);
  EXPECT_EQ(store.claim(cell(1)), Claim::busy);
  EXPECT_EQ(store.all().at(0).state, CellState::running);
  sqlite3_exec(db, "UPDATE cells SET lease = 1", nullptr, nullptr, nullptr);
  EXPECT_EQ(store.all().at(0).state, CellState::interrupted);
  EXPECT_EQ(store.claim(cell(1)), Claim::mine);
  sqlite3_exec(db, "UPDATE cells SET owner = 'elsewhere/1/2'", nullptr, nullptr, nullptr);
  EXPECT_FALSE(store.finish(cell(1).key(), {}));  // taken over meanwhile
  sqlite3_close(db);
}

TEST_F(StoreTest, RefusesAFileThatIsNoStore) {
  write_file(path_, std::string(3000, 'x'));
  EXPECT_NE(refusal().find("is not a store of longwave"), std::string::npos) << refusal();
}

TEST_F(StoreTest, RefusesTheDatabaseOfAnotherProgram) {
  sqlite3* db = nullptr;
  sqlite3_open(path_.c_str(), &db);
  sqlite3_exec(db, "CREATE TABLE bookmarks(url)", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  EXPECT_NE(refusal().find("database of another program"), std::string::npos) << refusal();
}

TEST_F(StoreTest, RefusesAnotherVersion) {
  { Store store(path_); }
  sqlite3* db = nullptr;
  sqlite3_open(path_.c_str(), &db);
  sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  EXPECT_NE(refusal().find("store of version 99"), std::string::npos) << refusal();
}

TEST_F(StoreTest, SaysThatADamagedStoreIsDamaged) {
  {
    Store store(path_);
    for (int i = 0; i < 200; ++i) store.claim(cell(i));
  }
  auto text = read_file(path_);
  for (std::size_t i = 4096; i < text.size(); ++i) text[i] = 'z';
  write_file(path_, text);
  EXPECT_NE(refusal().find("damaged"), std::string::npos) << refusal();
  EXPECT_EQ(refusal().find('\n'), std::string::npos);
}

TEST_F(StoreTest, SaysThatALockedStoreIsLocked) {
  { Store store(path_); }
  sqlite3* db = nullptr;
  sqlite3_open(path_.c_str(), &db);
  sqlite3_exec(db, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr);
  EXPECT_NE(refusal().find("locked by another program"), std::string::npos) << refusal();
  sqlite3_close(db);
}

TEST_F(StoreTest, ResultsOfOlderVersionsAreRead) {
  auto json = to_json({});
  for (const auto* key : {"best_step", "test_touches"}) json.erase(key);
  const auto old = cell_result_from_json(json);
  EXPECT_EQ(old.best_step, 0);
  EXPECT_FALSE(old.test_touches.has_value());
}

TEST_F(StoreTest, RefusesAFolderThatDoesNotExist) {
  path_ = folder_ / "none" / "s.sqlite";
  EXPECT_NE(refusal().find("cannot be opened"), std::string::npos) << refusal();
}

TEST(ProcessIdentity, IsAliveHereAndUnknownElsewhere) {
  const auto me = process_identity();
  EXPECT_EQ(process_life(me), Life::alive);
  EXPECT_EQ(process_life(me + "1"), Life::dead);  // the same number, started at another time
  EXPECT_EQ(process_life("elsewhere/1/2"), Life::unknown);
}

}  // namespace
}  // namespace longwave
