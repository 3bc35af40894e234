// Runs `longwave compare` of the built program: what is run, what is not run again, exit codes, the report.

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <sstream>
#include <thread>

#include "longwave/base/atomic_file.h"
#include "longwave/report/store.h"
#include "tests/support/program.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

std::size_t count_of(const std::string& text, const std::string& words) {
  std::size_t count = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++count;
  return count;
}

/// A `longwave` that runs beside the test; what it prints goes to a file.
class Background {
 public:
  Background(std::vector<std::string> arguments, fs::path log) : log_(std::move(log)) {
    arguments.insert(arguments.begin(), LONGWAVE_PROGRAM);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ > 0) return;
    const int file = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(file, 1);
    ::dup2(file, 2);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ~Background() {
    if (pid_ > 0) end(SIGKILL);
  }

  std::string out() const { return fs::exists(log_) ? read_file(log_) : ""; }

  /// Waits until `holds`; false if the program ends before.
  bool until(const std::function<bool()>& holds) {
    while (!holds()) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        return holds();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  bool until_it_says(const std::string& words) {
    return until([&] { return out().find(words) != std::string::npos; });
  }

  /// Number of the process that runs a cell; 0 if there is none.
  pid_t child() const {
    const auto path = fmt::format("/proc/{0}/task/{0}/children", pid_);
    return fs::exists(path) ? std::atoi(read_file(path).c_str()) : 0;
  }

  /// Waits for its end, after a signal if one is given; the exit code, or minus the signal that ended it.
  int end(int signal = 0) {
    if (signal) ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  fs::path log_;
  pid_t pid_;
};

class CompareProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("longwave_compare_test" + std::to_string(::getpid()));
    make_folder(folder_);
    std::string csv = "date,a,OT\n";
    for (int day = 0; day < 200; ++day)
      csv += fmt::format("2021-{:02}-{:02},{:.4f},{:.4f}\n", 1 + day / 28, 1 + day % 28, std::sin(0.3 * day),
                         std::cos(0.2 * day));
    write_file(folder_ / "own.csv", csv);
    write_recipe("own.csv", "seeds = [1]", 2);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Three models; `epochs` is how long linear, the last, takes.
  void write_recipe(const std::string& data, const std::string& seeds, int epochs) {
    write_file(folder_ / "c.toml",
               fmt::format("[compare]\nmodels = [\"naive-last\", \"mean\", \"linear\"]\ndata = [\"{}\"]\n"
                           "horizons = [3]\n{}\n[task]\nlookback = 7\n[train]\nepochs = {}\npatience = 0\n",
                           data == "own.csv" ? (folder_ / data).string() : data, seeds, epochs));
  }

  std::vector<std::string> arguments() const {
    return {"compare", (folder_ / "c.toml").string(), "--store", store().string(), "--report", folder_.string()};
  }
  longwave::testing::Outcome run(const std::string& more = "") const {
    std::string line;
    for (const auto& argument : arguments()) line += argument + " ";
    return longwave::testing::run_program(line + more);
  }
  fs::path store() const { return folder_ / "s.sqlite"; }
  Background start(const std::string& log = "log") const { return {arguments(), folder_ / log}; }

  fs::path folder_;
};

constexpr int kEndless = 100000000;

TEST_F(CompareProgram, WritesATableAndAReportThatNeedsNoNetwork) {
  const auto outcome = run();
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("3 cells, 0 finished before; store"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("Linear"), std::string::npos);
  auto page = read_file(folder_ / "report.html");
  for (std::size_t at; (at = page.find("http://www.w3.org/")) != std::string::npos;) page.erase(at, 18);  // namespaces
  EXPECT_EQ(page.find("://"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "table.md"));
}

TEST_F(CompareProgram, KilledInTheMiddleItContinuesWithWhatIsMissing) {
  write_recipe("own.csv", "seeds = [1]", kEndless);
  auto first = start();
  ASSERT_TRUE(first.until_it_says("[2/3]")) << first.out();
  ASSERT_TRUE(first.until([&] { return first.child() > 0; })) << first.out();
  EXPECT_EQ(first.end(SIGKILL), -SIGKILL);
  const auto report = run("--report-only");
  EXPECT_NE(report.out.find("1 of 1 runs interrupted"), std::string::npos) << report.out;
  auto second = start();
  ASSERT_TRUE(second.until([&] { return second.child() > 0; })) << second.out();
  EXPECT_NE(second.out().find("3 cells, 2 finished before; store"), std::string::npos) << second.out();
  EXPECT_EQ(second.end(SIGTERM), 130);
  EXPECT_EQ(second.out().find("[1/3]"), std::string::npos) << second.out();
  EXPECT_EQ(second.out().find("[2/3]"), std::string::npos) << second.out();
  EXPECT_EQ(Store(store()).all().size(), 2u);  // the cell that was interrupted is free
}

TEST_F(CompareProgram, KilledAnywhereItFinishesEveryCellOnce) {
  auto first = start();
  ASSERT_TRUE(first.until_it_says("[1/3]")) << first.out();
  first.end(SIGKILL);
  const auto cells = Store(store()).all();
  const auto done = std::count_if(cells.begin(), cells.end(), [](const auto& c) { return c.state == CellState::done; });
  const auto outcome = run();
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_EQ(count_of(outcome.out, " seed 1  MSE"), 3u - static_cast<std::size_t>(done)) << outcome.out;
  EXPECT_EQ(Store(store()).all().size(), 3u);
}

TEST_F(CompareProgram, TwoProcessesShareTheCells) {
  write_recipe("own.csv", "seeds = [1, 2]", 2);
  auto a = start("a"), b = start("b");
  EXPECT_EQ(a.end(), 0) << a.out();
  EXPECT_EQ(b.end(), 0) << b.out();
  for (int i = 1; i <= 6; ++i)
    EXPECT_EQ(count_of(a.out() + b.out(), fmt::format("[{}/6]", i)), 1u) << a.out() << b.out();
  EXPECT_EQ(Store(store()).all().size(), 6u);
}

TEST_F(CompareProgram, ACellThatIsToldToEndIsNotAFailure) {
  write_recipe("own.csv", "seeds = [1]", kEndless);
  auto program = start();
  ASSERT_TRUE(program.until_it_says("[2/3]")) << program.out();
  ASSERT_TRUE(program.until([&] { return program.child() > 0; })) << program.out();
  ::kill(program.child(), SIGTERM);
  EXPECT_EQ(program.end(), 1);
  EXPECT_NE(program.out().find("stopped: its process was told to end"), std::string::npos) << program.out();
  for (const auto& record : Store(store()).all()) EXPECT_EQ(record.state, CellState::done);
}

TEST_F(CompareProgram, AFailureIsStoredAndOnlyRetriedOnRequest) {
  const std::string failure = "task.features=S task.target=nothing";
  const auto failing = run(failure);
  EXPECT_EQ(failing.code, 1) << failing.out;
  EXPECT_EQ(count_of(failing.out, "failed: "), 7u) << failing.out;  // three cells, one note, a list of three
  EXPECT_NE(failing.out.find("Without a score (3 of 3 runs):\n  own.csv, horizon 3, Last value, seed 1: failed: "),
            std::string::npos)
      << failing.out;
  EXPECT_NE(failing.out.find("The same command with --retry"), std::string::npos) << failing.out;
  const auto again = run(failure);
  EXPECT_EQ(again.code, 1);
  EXPECT_NE(again.out.find("0 finished before, 3 failed before (run them again with --retry)"), std::string::npos)
      << again.out;
  EXPECT_EQ(again.out.find("[1/3]"), std::string::npos) << again.out;
  EXPECT_NE(run(failure + " --retry").out.find("[1/3]"), std::string::npos);
}

TEST_F(CompareProgram, TrialsComeFirstAndTheBestOfThemIsRunAtAllSeeds) {
  write_recipe("own.csv", "seeds = [1, 2]", 2);
  write_file(folder_ / "c.toml", read_file(folder_ / "c.toml") + "[search]\ntrain.learning_rate = [1e-3, 1e-2]\n");
  auto killed = start();
  ASSERT_TRUE(killed.until_it_says("[1/4]")) << killed.out();
  killed.end(SIGKILL);
  auto a = start("a"), b = start("b");
  EXPECT_EQ(a.end(), 0) << a.out();
  EXPECT_EQ(b.end(), 0) << b.out();
  EXPECT_EQ(Store(store()).all().size(), 7u);  // two trials of one model, one run of two, the second seed of each
  const auto again = run();
  EXPECT_EQ(again.code, 0) << again.out;
  EXPECT_NE(again.out.find("4 trials, 4 finished before; store"), std::string::npos) << again.out;
  EXPECT_NE(again.out.find("6 cells, 6 finished before; store"), std::string::npos) << again.out;
  const auto table = read_file(folder_ / "table.md");
  EXPECT_NE(table.find("## Trials: own.csv, horizon 3"), std::string::npos) << table;
  EXPECT_NE(table.find("train.learning\\_rate 0.01"), std::string::npos) << table;
  EXPECT_NE(table.find("±"), std::string::npos) << table;
  EXPECT_EQ(run("--report-only").code, 0);
  EXPECT_EQ(read_file(folder_ / "table.md"), table);
  // More trials: those that were run are not run again.
  const auto more = run("'search.train.learning_rate=[1e-3, 1e-2, 3e-2]'");
  EXPECT_NE(more.out.find("5 trials, 4 finished before; store"), std::string::npos) << more.out;
}

TEST_F(CompareProgram, ATrialThatFailsIsAResultAndAModelWithoutAnyOtherIsNot) {
  const auto recipe = read_file(folder_ / "c.toml");
  write_file(folder_ / "c.toml", recipe + "[search]\ntrain.learning_rate = [1e-2, 1e30]\n");
  auto outcome = run("compare.models=linear");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_EQ(count_of(outcome.out, "[1/2]"), 1u) << outcome.out;
  EXPECT_EQ(count_of(outcome.out, "[2/2]"), 1u) << outcome.out;
  EXPECT_NE(outcome.out.find("1 cells, 1 finished before; store"), std::string::npos) << outcome.out;
  outcome = run("compare.models=linear 'search.train.learning_rate=[1e30]'");
  EXPECT_EQ(outcome.code, 1) << outcome.out;
  EXPECT_NE(read_file(folder_ / "table.md").find("diverged"), std::string::npos);
}

TEST_F(CompareProgram, MissingDataAreSaidBeforeAnythingIsStored) {
  for (const auto* data : {"electricity", "elsewhere/own.csv"}) {
    write_recipe(data, "seeds = [1]", 2);
    const auto outcome = run("--data " + folder_.string());
    EXPECT_EQ(outcome.code, 2) << outcome.out;
    EXPECT_EQ(count_of(outcome.out, "\n"), 1u) << outcome.out;
    EXPECT_NE(outcome.out.find(data), std::string::npos) << outcome.out;
    EXPECT_FALSE(fs::exists(store()));
  }
}

TEST_F(CompareProgram, AFileThatIsTooShortIsRefusedBeforeTheFirstRun) {
  const auto outcome = run("task.lookback=190");
  EXPECT_EQ(outcome.code, 2) << outcome.out;
  EXPECT_EQ(count_of(outcome.out, "\n"), 1u) << outcome.out;
  EXPECT_NE(outcome.out.find("are too few for lookback 190 and horizon 3"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(" (cell naive-last, own.csv, horizon 3)\n"), std::string::npos) << outcome.out;
  EXPECT_FALSE(fs::exists(store()));
}

constexpr const char* kSequences =
    "[compare]\nmodels = [\"mingru\"]\ndata = [\"copying\"]\nseeds = [1, 2]\n"
    "[data.copying]\nnoise = 4\nmemorize = 2\nalphabet = 5\ntrain_samples = 40\nval_samples = 10\n"
    "test_samples = 10\n[model]\nlayers = 1\nd_model = 8\n[train]\nepochs = 1\nthreads = 1\n";

TEST_F(CompareProgram, AStackThatCannotBeBuiltIsRefusedBeforeTheFirstRun) {
  write_file(folder_ / "c.toml", kSequences);
  const auto outcome = run("model.pool=cls");
  EXPECT_EQ(outcome.code, 2) << outcome.out;
  EXPECT_EQ(count_of(outcome.out, "\n"), 1u) << outcome.out;
  for (const auto* words : {"model.pool is cls", "expected pool = \"last\"", "(cell mingru, copying)"})
    EXPECT_NE(outcome.out.find(words), std::string::npos) << outcome.out;
  EXPECT_FALSE(fs::exists(store()));
}

TEST_F(CompareProgram, AccuraciesInTheRecipeAreShares) {
  write_file(folder_ / "c.toml", kSequences);
  for (const std::string setting : {"'compare.published=[\"copying | A | 45 | y\"]'", "compare.solved=2"}) {
    const auto outcome = run(setting);
    EXPECT_EQ(outcome.code, 2) << outcome.out;
    EXPECT_NE(outcome.out.find("expected a share from 0 to 1, such as 0.45 for 45 %\n"), std::string::npos)
        << outcome.out;
    EXPECT_FALSE(fs::exists(store()));
  }
}

TEST_F(CompareProgram, APointThatCannotBeBuiltIsAFailedTrialUnlessNoneCan) {
  write_file(folder_ / "c.toml", std::string(kSequences) + "[search]\nmodel.mixer.heads = [3, 2]\n");
  auto outcome = run("'compare.models=[\"attention\"]'");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_EQ(count_of(outcome.out, "heads is 3"), 1u) << outcome.out;
  fs::remove(store());
  outcome = run("'compare.models=[\"attention\"]' 'search.model.mixer.heads=[3, 5]'");
  EXPECT_EQ(outcome.code, 2) << outcome.out;
  EXPECT_NE(outcome.out.find("(cell attention, copying, model.mixer.heads 3)"), std::string::npos) << outcome.out;
  EXPECT_FALSE(fs::exists(store()));
}

TEST_F(CompareProgram, LinesOfTrialsHaveTheValidationScoreAndSharesArePercent) {
  write_file(folder_ / "c.toml", std::string(kSequences) + "[search]\ntrain.learning_rate = [1e-3, 1e-2]\n");
  const auto outcome = run();
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  std::istringstream text(outcome.out);
  std::size_t trials = 0, cells = 0;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("[1/2]") && !line.starts_with("[2/2]")) continue;
    const bool trial = line.find("seed 1") != std::string::npos;
    ++(trial ? trials : cells);
    EXPECT_NE(line.find(trial ? "  validation accuracy " : "  accuracy "), std::string::npos) << line;
    EXPECT_NE(line.find(" %  "), std::string::npos) << line;
  }
  EXPECT_EQ(trials, 2u) << outcome.out;
  EXPECT_EQ(cells, 1u) << outcome.out;
  EXPECT_EQ(outcome.out.find(", test accuracy"), std::string::npos) << outcome.out;
}

TEST_F(CompareProgram, ARecipeForTrainingIsSentToTrain) {
  write_file(folder_ / "c.toml", "[task]\ndata = \"ETTh1\"\n[model]\nname = \"linear\"\n");
  const auto outcome = run();
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.out.find("run it with `longwave train "), std::string::npos) << outcome.out;
}

TEST_F(CompareProgram, TheReasonOfACellComesBackAsText) {
  write_file(folder_ / "job", "no cell");
  const auto outcome = longwave::testing::run_program("compare --cell < " + (folder_ / "job").string());
  EXPECT_EQ(outcome.out, "{\"error\":\"--cell: expected a cell on standard input\"}\n");
}

}  // namespace
}  // namespace longwave
