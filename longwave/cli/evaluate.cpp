// `longwave evaluate`: the scores of a trained run.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "longwave/base/check.h"
#include "longwave/cli/command.h"
#include "longwave/cli/validators.h"
#include "longwave/models/language_model.h"
#include "longwave/tasks/metrics.h"
#include "longwave/train/loaded_run.h"
#include "longwave/train/run_directory.h"
#include "longwave/train/subject.h"

namespace longwave {
namespace {

struct Arguments {
  std::string run, data, split = "test";
  std::vector<std::string> overrides;
  bool drop_last = false, json = false;
  std::int64_t batch = 0;
  double step_scale = 1;
};

void scale_step(const LoadedRun& run, double factor) {
  auto* model = dynamic_cast<SequenceModel*>(run.model.get());
  check(model != nullptr, "--step-scale: ", run.path.string(), " is a run of the forecaster ", run.recipe.model,
        "; expected a run of a sequence task");
  model->backbone().scale_step(factor);
}

/// What was scored, and under which conditions.
struct Report {
  const Arguments& arguments;
  std::string model, unit;
  std::int64_t scored, samples;
  Scores scores;
  std::int64_t test_touches;  // of this run so far, if this is one; else 0
  bool other_data;            // than those of the training

  void print_text() const {
    fmt::print("{} {}", model, arguments.split);
    for (const auto& assignment : arguments.overrides) fmt::print(", {}", assignment);
    if (arguments.step_scale != 1) fmt::print(", step scale {:g}", arguments.step_scale);
    fmt::print(": ");
    const auto names = names_to_print(scores);
    for (const auto& name : names)
      if (name.find('@') == std::string::npos) fmt::print("{}  ", score_text(name, scores));
    fmt::print("({} of {} {})\n", scored, samples, unit);
    for (const auto& name : names)
      if (name.find('@') != std::string::npos) fmt::print("  {}\n", score_text(name, scores));
    if (test_touches > 0) fmt::print("{}\n", test_touches_text(test_touches));
  }

  void print_json() const {
    Json json = {{"run", arguments.run},
                 {"model", model},
                 {"split", arguments.split},
                 {"overrides", arguments.overrides},
                 {"step_scale", arguments.step_scale},
                 {"scored", scored},
                 {"samples", samples},
                 {"scores", scores}};
    if (test_touches > 0) json["test_touches"] = test_touches;
    if (other_data) json["other_data"] = true;
    fmt::print("{}\n", json.dump(2));
  }
};

/// Called before the scores are printed, so that none is seen uncounted. A folder of somebody else keeps no count.
std::int64_t touch(const std::filesystem::path& run) {
  const auto folder = std::filesystem::is_directory(run) ? run : run.parent_path();
  if (::access(folder.c_str(), W_OK) == 0) return add_test_touches(folder, 1);
  fmt::print(stderr, "note: {} cannot be written; this scoring of the test split is not counted there\n",
             folder.string());
  return 0;
}

void evaluate(const Arguments& arguments) {
  auto run = load_run(arguments.run);
  const auto trained = run.recipe;
  run.recipe = with_data(trained, arguments.overrides);
  if (arguments.step_scale != 1) scale_step(run, arguments.step_scale);
  RunOptions options;
  options.data = arguments.data.empty() ? data_of_run(arguments.run) : std::filesystem::path(arguments.data);
  const auto task = make_task(run, options);
  const auto split = split_of(arguments.split);
  check_unseen(trained, run.recipe, split, options);
  const auto samples = task->samples(split);
  check(samples > 0, arguments.run, ": this task has no ", arguments.split, " split");
  check(!arguments.drop_last || !dynamic_cast<const LanguageModel*>(run.model.get()),
        "--drop-last: a stream of tokens has no last batch; leave it out");
  const auto batch = arguments.batch > 0 ? arguments.batch : run.recipe.train.eval_batch;
  const auto scored = arguments.drop_last ? samples / batch * batch : samples;
  check(scored > 0, "--drop-last: the split has ", samples, " samples, fewer than one whole batch of ", batch,
        "; expected a smaller --batch");
  const auto caution = other_data(run, *task);
  if (!caution.empty()) fmt::print(stderr, "note: {}\n", caution);
  const Report report{
      arguments,
      run.recipe.model,
      run.recipe.is_sequence() ? "samples" : "windows",
      scored,
      samples,
      task->evaluate(*run.model, split, {.batch = batch, .drop_last = arguments.drop_last, .details = true}),
      split == Split::test ? touch(arguments.run) : 0,
      !caution.empty()};
  arguments.json ? report.print_json() : report.print_text();
}

void define(CLI::App& app) {
  const auto a = std::make_shared<Arguments>();
  app.add_option("run", a->run, "run directory")->required();
  app.add_option("overrides", a->overrides, "data.key=value, to score on other data than those of training");
  app.add_option("--split", a->split, "train, val or test")
      ->check(CLI::IsMember({"train", "val", "test"}))
      ->capture_default_str();
  app.add_option("--batch", a->batch, "samples at once; default train.eval_batch")->check(not_below(1));
  app.add_flag("--drop-last", a->drop_last,
               "leave out the last partial batch, as some old tables do; the score then depends on --batch");
  app.add_option("--step-scale", a->step_scale,
                 "multiply the step size of state-space models: 2 on data of half the sampling rate")
      ->capture_default_str();
  app.add_flag("--json", a->json, "print JSON");
  app.add_option("--data", a->data, "folder with the data sets; default that of the training, LONGWAVE_DATA, ./data")
      ->check(existing_folder());
  app.callback([a] { evaluate(*a); });
}

const RegisterCommand registered("evaluate", "score a trained run on a split", define);

}  // namespace
}  // namespace longwave
