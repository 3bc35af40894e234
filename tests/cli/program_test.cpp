// Runs the built program: exit codes and messages.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/support/program.h"

namespace {

using longwave::testing::Outcome;

Outcome run(const std::string& arguments) { return longwave::testing::run_program(arguments); }

const std::string kGolden = LONGWAVE_SOURCE_DIR "/tests/golden/";

TEST(Program, HelpListsCommands) {
  const auto outcome = run("--help");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("verify"), std::string::npos) << outcome.out;
}

TEST(Program, HelpFitsThePage) {
  for (const auto* command : {"train", "train --fields", "forecast", "compare", "generate"}) {
    const auto outcome = run(std::string(command) + (std::string(command).ends_with("s") ? "" : " --help"));
    EXPECT_EQ(outcome.code, 0);
    std::istringstream lines(outcome.out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 120) << line;
  }
  // What is said of a field stays below it.
  EXPECT_NE(run("train --fields").out.find("\n                       (default \"forecast\""), std::string::npos);
}

TEST(Program, MistypedCommandSuggests) {
  const auto outcome = run("verfy");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "error: unknown command 'verfy'; did you mean 'verify'? see longwave --help\n");
}

TEST(Program, MistypedOptionSuggests) {
  const auto outcome = run("doctor --jsn");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "error: unknown option --jsn; did you mean '--json'? see longwave doctor --help\n");
}

TEST(Program, AValueThatIsNoNumberIsNamed) {
  const auto outcome = run("forecast own.csv --horizon abc");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "error: --horizon is abc; expected a whole number; see longwave forecast --help\n");
  EXPECT_EQ(run("forecast own.csv --horizn 3").out,
            "error: unknown option --horizn; did you mean '--horizon'? see longwave forecast --help\n");
  EXPECT_EQ(run("forecast a.csv b.csv --horizn 3").out,
            "error: unknown option --horizn; did you mean '--horizon'? see longwave forecast --help\n");
  EXPECT_EQ(run("forecast -- own.csv").out, "error: --horizon is required; see longwave forecast --help\n");
  EXPECT_EQ(run("forecast own.csv").out, "error: --horizon is required; see longwave forecast --help\n");
  EXPECT_EQ(run("forecast own.csv --horizon 3 --budget 1x").out,
            "error: --budget is 1x; expected a number; see longwave forecast --help\n");
}

TEST(Doctor, JsonParsesAndSaysWhatWasMeasured) {
  const auto outcome = run("doctor --json");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const auto report = nlohmann::json::parse(outcome.out);
  EXPECT_GT(report.at("gemm_gflops").get<double>(), 0);
  EXPECT_GT(report.at("memory_gb_per_s").get<double>(), 0);
  EXPECT_TRUE(report.at("problems").is_array());
  const auto malloc_of_program = report.at("malloc").get<std::string>();
  EXPECT_EQ(malloc_of_program.find("jemalloc"), 0u) << malloc_of_program;
  EXPECT_NE(malloc_of_program.find("huge pages"), std::string::npos)
      << "its settings were not read: " << malloc_of_program;
}

TEST(Doctor, ANumberOfThreadsThatIsNoneIsNamed) {
  const auto* before = std::getenv("OMP_NUM_THREADS");
  const std::string kept = before ? before : "";
  ::setenv("OMP_NUM_THREADS", "abc", 1);
  const auto outcome = run("doctor");
  before ? ::setenv("OMP_NUM_THREADS", kept.c_str(), 1) : ::unsetenv("OMP_NUM_THREADS");
  EXPECT_NE(
      outcome.out.find("OMP_NUM_THREADS is 'abc', no number of threads, and has no effect; unset OMP_NUM_THREADS"),
      std::string::npos)
      << outcome.out;
}

TEST(Models, ListsMixersChannelMixersAndForecasters) {
  const auto outcome = run("models");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  for (const auto* name : {"\nmingru", "\nswiglu", "\nsamovar"})
    EXPECT_NE(outcome.out.find(name), std::string::npos) << name << ":\n" << outcome.out;
}

TEST(Models, SaysWhichMixersStream) {
  const auto out = run("models").out;
  const auto line_of = [&](const std::string& name) {
    const auto at = out.find("\n" + name + " ") + 1;
    return out.substr(at, out.find('\n', at) - at);
  };
  EXPECT_NE(out.find(" causal  streams  cost in t "), std::string::npos) << out;
  EXPECT_NE(line_of("mingru").find(" yes     yes      linear "), std::string::npos) << line_of("mingru");
  EXPECT_NE(line_of("sgconv").find(" yes     no       t log t "), std::string::npos) << line_of("sgconv");
}

TEST(Models, CarriesCostsOnToLengthsThatItDoesNotRun) {
  const auto operations = [&](const std::string& arguments, bool carried) {
    const auto out = run("models " + arguments).out;
    EXPECT_EQ(out.find("carried on from there") != std::string::npos, carried) << out;
    return std::stod(out.substr(out.find("\n  forward  ") + 10));
  };
  // 256 times as many steps, of linear work; of attention the pairs grow by 64 where steps do by 8.
  const auto linear = operations("mingru --width 512 --length 4096", false);
  EXPECT_NEAR(operations("mingru --width 512 --length 1048576", true), 256 * linear, 0.01 * 256 * linear);
  const auto maps = 4 * 2 * 64. * 64 * 1e-6;  // of a step, in MFLOP
  const auto pairs = operations("attention --width 64 --length 4096", false) - 4096 * maps;
  EXPECT_NEAR(operations("attention --width 64 --length 32768", true), 64 * pairs + 32768 * maps, 0.6 * pairs);
}

TEST(Models, CountsTheMemoryOfTensorsAndNotThatOfTheProcess) {
  const auto once = run("models swiglu --width 64 --length 64").out;
  const auto kilobytes = [&](const std::string& pass) {
    const auto at = once.find(", ", once.find("\n  " + pass + "  ")) + 2;
    EXPECT_EQ(once.find(" kB of tensors at its peak\n", at), once.find(' ', at)) << once;
    return std::stod(once.substr(at));
  };
  // Forward: y and the hidden layer, [64, 64] and twice [64, 176] floats. Backward keeps these and makes as many again.
  EXPECT_GE(kilobytes("forward"), 64 * (64 + 176) * 4e-3);
  EXPECT_LE(kilobytes("forward"), 64 * (2 * 64 + 4 * 176) * 4e-3);
  EXPECT_GE(kilobytes("forward and backward"), 1.5 * kilobytes("forward"));
  EXPECT_EQ(run("models swiglu --width 64 --length 64").out, once);
  for (const std::string name : {"h3", "s4d_minimal"}) {  // which keep what they compute of their weights
    const auto out = run("models " + name + " --width 16 --length 64").out;
    EXPECT_EQ(out.find("WARNING"), std::string::npos) << out;
  }
}

TEST(Models, CountsParametersAtTheGivenWidth) {
  const auto outcome = run("models mingru --width 24 --length 40");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("parameters                   1152\n"), std::string::npos) << outcome.out;  // 2 x 24 x 24
  EXPECT_EQ(run("models mingro").out, "error: unknown model 'mingro'; did you mean 'mingru'?\n");
  EXPECT_EQ(run("models mingru expansionfactor=2").code, 2);
  for (const auto* refused :
       {"models attention heads=3", "models conv kernel=100000000", "models mlp --width 100000"}) {
    const auto answer = run(refused);
    EXPECT_EQ(answer.code, 2) << refused;
    EXPECT_EQ(answer.out.find("error: "), 0u) << answer.out;
    EXPECT_EQ(std::count(answer.out.begin(), answer.out.end(), '\n'), 1) << answer.out;
  }
}

TEST(Models, CountsABatch) {
  const auto number = [](const std::string& out, const std::string& what) {
    const auto at = out.find("\n  " + what + "  ");
    EXPECT_NE(at, std::string::npos) << what << ":\n" << out;
    return std::stod(out.substr(at + 3 + what.size()));
  };
  for (const std::string name : {"mingru", "attention"}) {  // whose state has one size, or grows with the steps
    const auto one = run("models " + name + " --width 16 --length 32").out;
    const auto four = run("models " + name + " --width 16 --length 32 --batch 4").out;
    EXPECT_NE(one.find("\nAt width 16, one sequence of 32 steps:\n"), std::string::npos) << one;
    EXPECT_NE(four.find("\nAt width 16, 4 sequences of 32 steps:\n"), std::string::npos) << four;
    EXPECT_EQ(number(four, "parameters"), number(one, "parameters"));
    for (const auto* what : {"state", "forward", "forward and backward"})
      EXPECT_NEAR(number(four, what), 4 * number(one, what), 0.04 * number(one, what)) << name << " " << what;
  }
  for (const auto* refused :
       {"models mingru --batch 0", "models mingru --batch 100000000", "models --batch 2", "models linear --batch 2"}) {
    const auto answer = run(refused);
    EXPECT_EQ(answer.code, 2) << refused;
    EXPECT_EQ(answer.out.find("error: --"), 0u) << answer.out;
    EXPECT_EQ(std::count(answer.out.begin(), answer.out.end(), '\n'), 1) << answer.out;
  }
}

TEST(Models, ShowsAChannelMixer) {
  const auto outcome = run("models swiglu bias=false dropout=0.1 --width 24 --length 40");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  for (const auto* part : {"Source: Shazeer 2020", "\n  hidden ", "parameters                   4608\n",  // 3 x 24 x 64
                           "forward                    0.3686 MFLOP"})  // 2 x 40 x 4608
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << ":\n" << outcome.out;
  EXPECT_EQ(run("models swigl").out, "error: unknown model 'swigl'; did you mean 'swiglu'?\n");
}

TEST(Models, CountsTheKernelOfAForwardPassToo) {
  const auto outcome = run("models s4 --width 24 --length 40");
  const auto count = [&](const std::string& what) {
    return std::stod(outcome.out.substr(outcome.out.find("\n  " + what + "  ") + 3 + what.size()));
  };
  EXPECT_GT(count("forward"), 0.3 * count("forward and backward")) << outcome.out;
}

TEST(Verify, PassesOnAReferenceFixture) {
  const auto outcome = run("verify " + kGolden + "linear.safetensors");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_EQ(outcome.out.substr(0, 10), "ok    line");
  EXPECT_NE(outcome.out.find("\n1 passed, 0 failed, 0 skipped\n"), std::string::npos) << outcome.out;
}

TEST(Verify, DamagedFixtureFails) {
  const auto path =
      std::filesystem::temp_directory_path() / ("longwave_damaged_" + std::to_string(getpid()) + ".safetensors");
  std::ofstream(path) << "not a fixture";
  const auto outcome = run("verify " + path.string());
  std::filesystem::remove(path);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out.substr(0, 6), "FAIL  ");
  EXPECT_NE(outcome.out.find("0 passed, 1 failed, 0 skipped"), std::string::npos) << outcome.out;
}

TEST(Verify, MissingPathIsAUserError) {
  const auto outcome = run("verify nowhere.safetensors");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out.substr(0, 28), "error: nowhere.safetensors: ") << outcome.out;
}

}  // namespace
