#include "longwave/train/resampled.h"

#include "longwave/base/check.h"
#include "longwave/models/backbone.h"
#include "longwave/tasks/metrics.h"
#include "longwave/train/loaded_run.h"
#include "longwave/train/subject.h"

namespace longwave {
namespace {

Subject open_resampled(const Recipe& recipe, const RunOptions& options) {
  RunOptions from_files;
  from_files.data = options.data;
  return open_subject(resampled_recipe(recipe), from_files);
}

}  // namespace

void check_resampled(const Recipe& recipe, const RunOptions& options, const Json& sizes) {
  LoadedRun run;
  run.path = options.run;
  run.recipe = recipe;
  run.sizes = sizes;
  open_resampled(recipe, options).check_fits(run);
}

Scores resampled_scores(const Recipe& recipe, const RunOptions& options, const Module& trained, const Json& sizes) {
  const auto subject = open_resampled(recipe, options);
  const auto model = build_model(recipe, sizes).module;
  model->load(trained.state(), "the trained weights");
  model->eval();
  auto& backbone = dynamic_cast<SequenceModel&>(*model).backbone();
  if (!backbone.has_time_step() && recipe.resampled->step_scale != 1) return {};
  if (backbone.has_time_step()) backbone.scale_step(recipe.resampled->step_scale);
  const auto task = subject.make_task(*model);
  const auto found = task->evaluate(*model, Split::test, {.batch = recipe.train.eval_batch});
  Scores scores;
  for (const auto& [name, value] : found) scores[name + kResampled] = value;
  return scores;
}

}  // namespace longwave
