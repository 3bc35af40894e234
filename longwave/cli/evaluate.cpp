// `longwave evaluate`: the scores of a trained run.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "longwave/base/check.h"
#include "longwave/cli/command.h"
#include "longwave/models/language_model.h"
#include "longwave/train/experiment.h"

namespace longwave {
namespace {

struct Arguments {
  std::string run, data, split = "test";
  bool drop_last = false;
  std::int64_t batch = 0;
};

void evaluate(const Arguments& arguments) {
  const auto run = load_run(arguments.run);
  RunOptions options;
  options.data = arguments.data;
  const auto task = make_task(run, options);
  const auto split = split_of(arguments.split);
  const auto samples = task->samples(split);
  check(samples > 0, arguments.run, ": this task has no ", arguments.split, " split");
  check(!arguments.drop_last || !dynamic_cast<const LanguageModel*>(run.model.get()),
        "--drop-last: a stream of tokens has no last batch; leave it out");
  const auto batch = arguments.batch > 0 ? arguments.batch : run.recipe.train.eval_batch;
  const auto scores =
      task->evaluate(*run.model, split, {.batch = batch, .drop_last = arguments.drop_last, .details = true});
  fmt::print("{} {}: ", run.recipe.model, arguments.split);
  for (const auto& [name, value] : scores)
    if (name.find('@') == std::string::npos) fmt::print("{} {:.5f}  ", name, value);
  fmt::print("({} of {} {})\n", arguments.drop_last ? samples / batch * batch : samples, samples,
             run.recipe.is_sequence() ? "samples" : "windows");
  for (const auto& [name, value] : scores)
    if (name.find('@') != std::string::npos) fmt::print("  {} {:.5f}\n", name, value);
}

void define(CLI::App& app) {
  const auto a = std::make_shared<Arguments>();
  app.add_option("run", a->run, "run directory")->required();
  app.add_option("--split", a->split, "train, val or test")->check(CLI::IsMember({"train", "val", "test"}));
  app.add_option("--batch", a->batch, "samples at once; default train.eval_batch")->check(CLI::PositiveNumber);
  app.add_flag("--drop-last", a->drop_last,
               "leave out the last partial batch, as some old tables do; the score then depends on --batch");
  app.add_option("--data", a->data, "folder with the data sets; default LONGWAVE_DATA, else ./data");
  app.callback([a] { evaluate(*a); });
}

const RegisterCommand registered("evaluate", "score a trained run on a split", define);

}  // namespace
}  // namespace longwave
