// Sequence recipes through the built program: verdicts, evaluation, comparison.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "longwave/base/atomic_file.h"
#include "longwave/base/suggest.h"
#include "tests/support/program.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

class SequenceTrainTest : public ::testing::Test {
 protected:
  SequenceTrainTest() : folder_(fs::temp_directory_path() / ("longwave_sequence_" + std::to_string(::getpid()))) {
    make_folder(folder_);
    write_file(folder_ / "own.toml",
               "[task]\ntype = \"sequence\"\ndata = \"copying\"\n[data]\nnoise = 4\nmemorize = 2\nalphabet = 5\n"
               "train_samples = 60\nval_samples = 20\ntest_samples = 20\n[model]\nname = \"mingru\"\nd_model = 8\n"
               "layers = 1\n[train]\nepochs = 1\nthreads = 1\n[pass]\nmetric = \"accuracy\"\nat_least = 0.0\n");
  }
  ~SequenceTrainTest() override { fs::remove_all(folder_); }

  testing::Outcome run(const std::vector<std::string>& words) const { return testing::run_program(join(words, " ")); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  fs::path folder_;
};

TEST_F(SequenceTrainTest, EndsWithPassOrFail) {
  const auto pass = run({"train", path("own.toml"), "--run", path("run")});
  EXPECT_EQ(pass.code, 0) << pass.out;
  EXPECT_NE(pass.out.find("pass: accuracy "), std::string::npos) << pass.out;
  EXPECT_NE(pass.out.find("], expected at least 0.00 %"), std::string::npos) << pass.out;
  const auto fail = run({"train", path("own.toml"), "--run", path("other"), "pass.at_least=1.1"});
  EXPECT_EQ(fail.code, 1) << fail.out;
  EXPECT_NE(fail.out.find("fail: accuracy"), std::string::npos) << fail.out;
  const auto scores = run({"evaluate", path("run")});
  EXPECT_EQ(scores.code, 0);
  EXPECT_NE(scores.out.find("(20 of 20 samples)"), std::string::npos) << scores.out;
  EXPECT_NE(scores.out.find(" % ["), std::string::npos) << scores.out;
  EXPECT_EQ(scores.out.find("accuracy_low"), std::string::npos) << scores.out;
}

TEST_F(SequenceTrainTest, CountsHowOftenTheTestSplitWasScored) {
  ASSERT_EQ(run({"train", path("own.toml"), "--run", path("run")}).code, 0);
  const auto in_result = [&] {
    return nlohmann::json::parse(read_file(folder_ / "run" / "result.json")).at("test_touches");
  };
  EXPECT_EQ(in_result(), 1);
  const auto scores = run({"evaluate", path("run")});
  EXPECT_NE(scores.out.find("the test split of this run was scored 2 times"), std::string::npos) << scores.out;
  EXPECT_EQ(run({"evaluate", path("run"), "--split", "val"}).out.find("test split"), std::string::npos);
  const auto json = nlohmann::json::parse(run({"evaluate", path("run/best.safetensors"), "--json"}).out);
  EXPECT_EQ(json.at("test_touches"), 3) << "its weights are the same run";
  EXPECT_EQ(in_result(), 3);
  fs::copy(folder_ / "run" / "best.safetensors", folder_ / "alone.safetensors");
  const auto alone = run({"evaluate", path("alone.safetensors")});
  EXPECT_EQ(alone.code, 0) << alone.out;
  EXPECT_EQ(alone.out.find("test split"), std::string::npos) << "weights alone have no count";
}

TEST_F(SequenceTrainTest, AnEvaluationWithoutAScoreIsNotCounted) {
  const auto trained = run({"train", path("own.toml"), "--run", path("run"), "model.name=attention",
                            "model.positions=learned", "model.mixer.heads=2"});
  ASSERT_EQ(trained.code, 0) << trained.out;
  const auto failed = run({"evaluate", path("run"), "data.noise=40"});  // longer than there are positions
  EXPECT_EQ(failed.code, 2) << failed.out;
  const auto scores = run({"evaluate", path("run")});
  EXPECT_NE(scores.out.find("the test split of this run was scored 2 times"), std::string::npos) << scores.out;
}

TEST_F(SequenceTrainTest, EvaluatesAtHalfTheSamplingRate) {
  write_file(
      folder_ / "chirps.toml",
      "[task]\ntype = \"sequence\"\ndata = \"chirps\"\n[data]\nsteps = 100\ntrain_samples = 40\nval_samples = 20\n"
      "test_samples = 20\n[model]\nname = \"s4d\"\nd_model = 8\nlayers = 1\n[model.mixer]\nd_state = 4\n"
      "[train]\nepochs = 1\nthreads = 1\n");
  ASSERT_EQ(run({"train", path("chirps.toml"), "--run", path("s4d")}).code, 0);
  const std::vector<std::string> half{"evaluate", path("s4d"), "data.every=2", "--step-scale", "2"};
  const auto text = run(half);
  EXPECT_EQ(text.code, 0) << text.out;
  EXPECT_NE(text.out.find("s4d test, data.every=2, step scale 2: accuracy"), std::string::npos) << text.out;
  const auto json = [&](const std::string& more) {
    const auto out = run({"evaluate", path("s4d"), "--json", more}).out;
    return nlohmann::json::parse(out, nullptr, false);
  };
  const auto whole = json(""), scaled = json("data.every=2 --step-scale 2"), unscaled = json("data.every=2");
  EXPECT_EQ(scaled["overrides"][0], "data.every=2");
  EXPECT_EQ(scaled["step_scale"], 2);
  EXPECT_EQ(scaled["scored"], 20);
  EXPECT_EQ(whole["step_scale"], 1);
  // The same in the recipe, scored when the training ends, unless a mixer without a time step would have to scale it.
  const auto at_the_end = [&](const std::string& scale, const std::string& metric, const std::string& more) {
    const auto trained =
        run({"train", path("chirps.toml"), "--run", path("end"), "--overwrite", more, "'resampled.data=[\"every=2\"]'",
             "resampled.step_scale=" + scale, "pass.metric=" + metric, "pass.at_least=0"});
    EXPECT_EQ(trained.code, 0) << trained.out;
    EXPECT_NE(trained.out.find("pass: " + metric + " "), std::string::npos) << trained.out;
    return nlohmann::json::parse(read_file(folder_ / "end" / "result.json")).at("test");
  };
  const auto scores = at_the_end("2", "accuracy@resampled", "");
  EXPECT_EQ(scores.at("loss@resampled"), scaled["scores"]["loss"]);
  EXPECT_EQ(scores.at("loss"), whole["scores"]["loss"]);
  EXPECT_TRUE(scores.contains("accuracy_low@resampled"));
  EXPECT_FALSE(at_the_end("2", "accuracy", "model.name=mamba").contains("loss@resampled"));
  const auto by_itself = at_the_end("1", "accuracy@resampled", "model.name=mamba");
  const auto again = run({"evaluate", path("end"), "data.every=2", "--json"}).out;
  EXPECT_EQ(by_itself.at("loss@resampled"), nlohmann::json::parse(again).at("scores").at("loss"));
  for (const auto& [setting, words] : std::vector<std::pair<std::string, std::string>>{
           {"'resampled.data=[\"evry=2\"]'", "did you mean 'every'"},
           {"'resampled.data=[\"every=3\"]'", "every is 3"},
           {"resampled.step_scale=0", "step_scale"},
           {"resampled.step_scale=2", "[resampled] needs data"},
           {"pass.metric=accuracy@resampled pass.at_least=0", "'accuracy@resampled' needs a section [resampled]"}}) {
    const auto refused = run({"train", path("chirps.toml"), "--run", path("refused"), setting});
    EXPECT_EQ(refused.code, 2) << refused.out;
    EXPECT_NE(refused.out.find(words), std::string::npos) << refused.out;
  }
  EXPECT_NE(scaled["scores"]["loss"], unscaled["scores"]["loss"]);
  EXPECT_NE(whole["scores"]["loss"], unscaled["scores"]["loss"]);
}

TEST_F(SequenceTrainTest, AnotherRateIsOfTheSameKindBeforeAnythingIsTrained) {
  const auto refused = run({"train", path("own.toml"), "--run", path("run"), "'resampled.data=[\"alphabet=6\"]'"});
  EXPECT_EQ(refused.code, 2) << refused.out;
  EXPECT_NE(refused.out.find("was trained on"), std::string::npos) << refused.out;
  EXPECT_EQ(refused.out.find("epoch"), std::string::npos) << refused.out;
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(SequenceTrainTest, RefusesToScoreWhatTheRunWasTrainedOn) {
  for (const std::string part : {"TRAIN", "TEST"}) {
    std::string text = "@problemName Toy\n@univariate true\n@classLabel true 0 1\n@data\n";
    for (int i = 0; i < 20; ++i) text += fmt::format("{}.5,{}.25,{}.0:{}\n", i, part.size() + i, i % 7, i % 2);
    make_folder(folder_ / "data/Toy");
    write_file(folder_ / ("data/Toy/Toy_" + part + ".ts"), text);
  }
  write_file(
      folder_ / "toy.toml",
      "[task]\ntype = \"sequence\"\ndata = \"uea\"\n[data]\nname = \"Toy\"\n[model]\nname = \"mingru\"\nd_model = 8\n"
      "layers = 1\n[train]\nepochs = 1\nthreads = 1\n");
  ASSERT_EQ(run({"train", path("toy.toml"), "--run", path("run"), "--data", path("data")}).code, 0);
  const std::vector<std::string> scores{"evaluate", path("run"), "--data", path("data"), "--split", "val"};
  EXPECT_EQ(run(scores).code, 0);
  auto other = scores;
  other.emplace_back("data.seed=5");
  const auto refused = run(other);
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.out.find("are among those that the run was trained on"), std::string::npos) << refused.out;
}

TEST_F(SequenceTrainTest, RefusesEvaluationsThatDoNotFitTheRun) {
  ASSERT_EQ(run({"train", path("own.toml"), "--run", path("run")}).code, 0);
  const auto error = [&](const std::string& words) {
    const auto outcome = run({"evaluate", path("run"), words});
    EXPECT_EQ(outcome.code, 2) << words;
    return outcome.out;
  };
  EXPECT_NE(error("--step-scale 2").find("mixer mingru has no time step"), std::string::npos);
  EXPECT_NE(error("data.alphabet=6").find("was trained on"), std::string::npos);
  EXPECT_NE(error("train.seed=2").find("expected data.key=value"), std::string::npos);
  EXPECT_NE(error("data.noize=3").find("noise"), std::string::npos);
  EXPECT_EQ(run({"evaluate", path("run"), "data.noise=9"}).code, 0);
}

TEST_F(SequenceTrainTest, RefusesSettingsThatTheSetDoesNotTake) {
  const auto outcome = run({"train", path("own.toml"), "model.cutoffs=[3]", "--run", path("run")});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.out.find("error: model.cutoffs = [3] has no effect on copying, a set of goal classify_steps; "
                             "expected none, or a set of goal language\n"),
            std::string::npos)
      << outcome.out;
}

TEST_F(SequenceTrainTest, SaysWhereNothingTakesTheRateOfStates) {
  const std::vector<std::string> command{"train",       path("own.toml"), "train.state_learning_rate=0.001",
                                         "--overwrite", "--run",          path("run")};
  const auto words = "caution: train.state_learning_rate and state_weight_decay have no effect on mingru\n";
  const auto idle = run(command);
  EXPECT_EQ(idle.code, 0) << idle.out;
  EXPECT_NE(idle.out.find(words), std::string::npos) << idle.out;
  auto taken = command;
  taken.push_back("model.name=s4d");
  EXPECT_EQ(run(taken).out.find("caution"), std::string::npos);
}

TEST_F(SequenceTrainTest, SaysWhereThereIsNoValidationSplit) {
  const auto outcome = run({"train", path("own.toml"), "data.val_samples=0", "--run", path("run")});
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_EQ(outcome.out.find("val "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(" epochs, no validation split: weights of the last epoch, test "), std::string::npos)
      << outcome.out;
}

TEST_F(SequenceTrainTest, GenerateRefusesMoreThanLearnedPositionsReachBeforeItPrints) {
  std::string words;
  for (int i = 0; i < 40; ++i) words += "hello world, this is text. ";
  make_folder(folder_ / "words");
  write_file(folder_ / "words" / "input.txt", words);
  write_file(folder_ / "text.toml",
             "[task]\ntype = \"sequence\"\ndata = \"characters\"\ncontext = 16\n[data]\nname = \"words\"\n"
             "[model]\nname = \"attention\"\npositions = \"learned\"\nd_model = 8\nlayers = 1\n"
             "[train]\nepochs = 1\nthreads = 1\n");
  ASSERT_EQ(run({"train", path("text.toml"), "--data", folder_.string(), "--run", path("run")}).code, 0);
  const auto generate = [&](const std::string& words) { return run({"generate", path("run"), words}); };
  EXPECT_EQ(generate("--prompt hello --tokens 12").code, 0);
  const auto beyond = generate("--prompt hello --tokens 13");
  EXPECT_EQ(beyond.code, 2);
  EXPECT_EQ(beyond.out,
            "error: --tokens 13 behind a prompt of 5 tokens: the learned positions of this model reach to 16; expected "
            "--tokens of at most 12\n");
  EXPECT_NE(generate("--prompt hellohellohellohello --tokens 1").out.find("prompt: 20 tokens; the learned positions"),
            std::string::npos);
  EXPECT_EQ(generate("--prompt hello --stop ''").out, "error: --stop is empty; expected a text\n");
  EXPECT_EQ(generate("--beams 2 --seed 3").code, 2) << "nothing is drawn";
  ASSERT_EQ(run({"train", path("text.toml"), "--data", folder_.string(), "--run", path("whole"), "model.name=hyena",
                 "model.positions=none"})
                .code,
            0);
  const auto whole_alone = run({"generate", path("whole")});
  EXPECT_EQ(whole_alone.code, 2);
  EXPECT_NE(whole_alone.out.find("hyena does not stream ("), std::string::npos) << whole_alone.out;
  EXPECT_NE(whole_alone.out.find("expected a model whose mixer has a state in `longwave models`\n"), std::string::npos)
      << whole_alone.out;

  // The most probable text until its third character comes again.
  const auto text_of = [&](const std::string& words) {
    return nlohmann::json::parse(run({"generate", path("run"), words}).out);
  };
  const auto whole = text_of("--prompt hello --tokens 8 --beams 1 --json")["beams"][0]["text"].get<std::string>();
  const auto end = whole.substr(2, 1);
  EXPECT_EQ(text_of("--prompt hello --tokens 8 --beams 1 --json --stop '" + end + "'")["beams"][0]["text"],
            whole.substr(0, whole.find(end)));
}

TEST_F(SequenceTrainTest, ComparesMixersThroughTheStore) {
  write_file(folder_ / "compare.toml",
             "[compare]\nmodels = [\"mingru\", \"lru\"]\ndata = [\"copying\"]\nseeds = [1]\n[data]\nnoise = 4\n"
             "memorize = 2\nalphabet = 5\ntrain_samples = 60\nval_samples = 20\ntest_samples = 20\n[model]\n"
             "d_model = 8\nlayers = 1\n[train]\nepochs = 1\nthreads = 1\n");
  const std::vector<std::string> command{"compare",  path("compare.toml"), "--store", path("store.sqlite"),
                                         "--report", path("report")};
  const auto first = run(command);
  EXPECT_EQ(first.code, 0) << first.out;
  EXPECT_NE(first.out.find("(chance)"), std::string::npos) << first.out;
  EXPECT_TRUE(fs::exists(folder_ / "report" / "report.html"));
  const auto lines = read_file(folder_ / "report" / "results.jsonl");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << lines;
  const auto again = run(command);
  EXPECT_NE(again.out.find("2 finished before"), std::string::npos) << again.out;
}

TEST_F(SequenceTrainTest, ComparisonsRefuseWhatNoneOfTheirSetsTakes) {
  const std::string sets = "[data.chirps]\nsteps = 20\ntrain_samples = 20\nval_samples = 10\ntest_samples = 10\n";
  write_file(folder_ / "compare.toml",
             "[compare]\nmodels = [\"mingru\"]\ndata = [\"copying\", \"chirps\"]\nseeds = [1]\n[data.copying]\n"
             "noise = 4\nmemorize = 2\nalphabet = 5\ntrain_samples = 20\nval_samples = 10\ntest_samples = 10\n" +
                 sets + "[model]\nd_model = 8\nlayers = 1\n[train]\nepochs = 1\nthreads = 1\n");
  const auto compare = [&](const std::string& setting, const std::string& more = "") {
    return run(
        {"compare", path("compare.toml"), "--store", path("store.sqlite"), "--report", path("report"), setting, more});
  };
  const auto refused = compare("model.tied=false");
  EXPECT_EQ(refused.code, 2) << refused.out;
  EXPECT_NE(refused.out.find("model.tied = false has no effect on copying, a set of goal classify_steps"),
            std::string::npos)
      << refused.out;
  EXPECT_FALSE(fs::exists(folder_ / "store.sqlite"));
  EXPECT_EQ(compare("model.pool=max").code, 0) << "of chirps, where it is taken";
  EXPECT_EQ(compare("model.pool=max", "'compare.data=[\"copying\"]'").code, 0) << "a part of that recipe";
}

TEST_F(SequenceTrainTest, ComparisonsNameTheSetThatCannotBeMade) {
  write_file(folder_ / "compare.toml",
             "[compare]\nmodels = [\"mingru\"]\ndata = [\"copying\", \"mqar\", \"small\"]\nseeds = [1]\n[data.small]\n"
             "set = \"mqar\"\nvocabulary = 64\n[model]\nd_model = 8\nlayers = 1\n");
  const auto refusal = [&](const std::string& more) {
    return run({"compare", path("compare.toml"), "--store", path("store.sqlite"), more}).out;
  };
  const std::string what = "data.vocabulary is 64; expected more than steps, 64 (";
  EXPECT_NE(refusal("").find(what + "[data.small])"), std::string::npos) << refusal("");
  EXPECT_NE(refusal("data.mqar.vocabulary=64").find(what + "data set mqar)"), std::string::npos)
      << refusal("data.mqar.vocabulary=64");
}

TEST_F(SequenceTrainTest, ACellOfOtherFilesIsAnotherCell) {
  write_file(folder_ / "compare.toml",
             "[compare]\nmodels = [\"mingru\"]\ndata = [\"characters\"]\nseeds = [1]\n[data]\nname = \"own\"\n[task]\n"
             "context = 8\n[model]\nd_model = 8\nlayers = 1\n[train]\nsteps = 1\nthreads = 1\n");
  std::string text;
  for (int i = 0; i < 40; ++i) text += "to be or not to be\n";
  make_folder(folder_ / "data" / "own");
  write_file(folder_ / "data" / "own" / "input.txt", text);
  const auto compare = [&](const std::string& more) {
    return run({"compare", path("compare.toml"), "--store", path("store.sqlite"), "--report", path("report"), "--data",
                path("data"), more});
  };
  const auto shown = [&] { return read_file(folder_ / "report" / "results.jsonl"); };
  const auto first = compare("");
  ASSERT_EQ(first.code, 0) << first.out;
  const auto before = shown();
  write_file(folder_ / "data" / "own" / "input.txt", "what a piece of work\n" + text);
  const auto changed = compare("");
  EXPECT_EQ(changed.code, 0) << changed.out;
  EXPECT_NE(changed.out.find("1 cells, 0 finished before"), std::string::npos) << changed.out;
  EXPECT_NE(changed.out.find("1 finished cells of characters in the store are of other files"), std::string::npos)
      << changed.out;
  EXPECT_NE(shown(), before);
  EXPECT_NE(compare("").out.find("1 cells, 1 finished before"), std::string::npos);
  write_file(folder_ / "data" / "own" / "input.txt", text);
  EXPECT_EQ(compare("--report-only").code, 0);
  EXPECT_EQ(shown(), before) << "the files say which of both";
  fs::remove(folder_ / "data" / "own" / "input.txt");
  const auto unknown = compare("--report-only");
  EXPECT_EQ(unknown.code, 2) << unknown.out;
  EXPECT_NE(unknown.out.find("of 2 different contents"), std::string::npos) << unknown.out;
}

TEST_F(SequenceTrainTest, SaysAtTheStartWhatIsOddAboutTheData) {
  make_folder(folder_ / "data" / "own");
  const std::string header = "@problemName Toy\n@dimensions 1\n@classLabel true up down still\n@data\n";
  std::string train = header;
  for (int i = 0; i < 20; ++i) train += std::to_string(i) + ",1,2:" + (i % 2 ? "up" : "down") + "\n";
  write_file(folder_ / "data" / "Toy_TRAIN.ts", train);
  write_file(folder_ / "data" / "Toy_TEST.ts", header + "3,1,2:up\n4,1,2:down\n3,9,9:still\n");
  write_file(folder_ / "series.toml",
             "[task]\ntype = \"sequence\"\ndata = \"uea\"\n[data]\nname = \"Toy\"\nvalidation = 0.0\n[model]\n"
             "name = \"mingru\"\nd_model = 8\nlayers = 1\n[train]\nepochs = 1\nthreads = 1\n");
  const auto odd = run({"train", path("series.toml"), "--run", path("series"), "--data", path("data")});
  EXPECT_EQ(odd.code, 0) << odd.out;
  EXPECT_NE(odd.out.find("caution: 1 of 3 classes have no sample in train: still\n"), std::string::npos) << odd.out;
  EXPECT_NE(odd.out.find("caution: 2 of 3 test samples are in train too"), std::string::npos) << odd.out;

  write_file(folder_ / "data" / "own" / "input.txt", std::string(300, 'z') + std::string(40, 'a') + "bcd" + "zzzz");
  write_file(folder_ / "text.toml",
             "[task]\ntype = \"sequence\"\ndata = \"characters\"\ncontext = 8\n[data]\nname = "
             "\"own\"\n[model]\nname = \"mingru\"\nd_model = 8\nlayers = 1\ncutoffs = [2]\n"
             "[train]\nsteps = 1\nthreads = 1\n");
  const auto text = run({"train", path("text.toml"), "--run", path("text"), "--data", path("data")});
  EXPECT_EQ(text.code, 0) << text.out;
  EXPECT_NE(text.out.find("caution: model.cutoffs are for a vocabulary ordered by falling frequency"),
            std::string::npos)
      << text.out;
  EXPECT_NE(text.out.find("bits_per_character "), std::string::npos) << text.out;
}

}  // namespace
}  // namespace longwave
