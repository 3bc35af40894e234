#include "longwave/train/flop_budget.h"

#include <algorithm>
#include <cmath>

#include "longwave/base/check.h"
#include "longwave/train/model_cost.h"
#include "longwave/train/subject.h"

namespace longwave {
namespace {

/// With task.fresh the steps say how many samples there are: enough of them to tell what a batch costs.
Recipe with_some_samples(Recipe recipe) {
  constexpr std::int64_t kSome = 256;
  recipe.train.steps = std::max<std::int64_t>(1, kSome / (recipe.train.batch * recipe.train.accumulate));
  return recipe;
}

}  // namespace

Recipe with_affordable_steps(const Recipe& recipe, const RunOptions& options) {
  if (recipe.train.flops == 0) return recipe;
  const auto subject = open_subject(with_some_samples(recipe), options);
  const auto model = build_model(recipe, subject.sizes).module;
  const auto task = subject.make_task(*model);
  check(model->parameter_count() > 0 && task->samples(Split::train) > 0, "train.flops: there is nothing to train");
  const auto cost = sequence_cost(*model, *task, recipe.train.batch, false);
  const auto samples = static_cast<double>(recipe.train.batch * recipe.train.accumulate);
  const double step = training_flops(cost, samples * cost.at("mean_steps").get<double>());
  auto affordable = recipe;
  affordable.train.steps = std::max<std::int64_t>(1, std::llround(recipe.train.flops / step));
  return affordable;
}

}  // namespace longwave
