#include "longwave/train/resampled.h"

#include "longwave/base/check.h"
#include "longwave/models/backbone.h"
#include "longwave/tasks/metrics.h"
#include "longwave/train/subject.h"

namespace longwave {

Scores resampled_scores(const Recipe& recipe, const RunOptions& options, const Module& trained, const Json& sizes) {
  const auto other = resampled_recipe(recipe);
  RunOptions from_files;
  from_files.data = options.data;
  const auto subject = open_subject(other, from_files);
  const auto model = build_model(recipe, sizes).module;
  model->load(trained.state(), "the trained weights");
  model->eval();
  auto& backbone = dynamic_cast<SequenceModel&>(*model).backbone();
  if (backbone.has_time_step()) backbone.scale_step(recipe.resampled->step_scale);
  const auto task = subject.make_task(*model);
  const auto found = task->evaluate(*model, Split::test, {.batch = recipe.train.eval_batch});
  Scores scores;
  for (const auto& [name, value] : found) scores[name + kResampled] = value;
  return scores;
}

}  // namespace longwave
