#include "longwave/train/cell_run.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "longwave/models/flops.h"
#include "longwave/nn/environment.h"
#include "longwave/tasks/forecast.h"
#include "longwave/train/experiment.h"

namespace longwave {
namespace {

Split scored_split(const Task& task) { return task.samples(Split::test) > 0 ? Split::test : Split::val; }

double flops_of_one_window(Forecaster& model, const Task& task) {
  const at::NoGradGuard no_grad;
  Batch batch;
  task.gather(scored_split(task), {0}, batch);
  return count_flops([&] { model.forward(forecast_input(batch)); }).flops;
}

std::vector<double> column(const at::Tensor& x, std::int64_t index, std::int64_t last_rows) {
  const auto values = x.select(1, index).slice(0, x.size(0) - last_rows).to(at::kDouble).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

/// The first, the middle and the last window of the scored split, of the last target.
std::vector<SampleForecast> sample_forecasts(Forecaster& model, const Task& task, const std::string& channel) {
  const at::NoGradGuard no_grad;
  const auto split = scored_split(task);
  const auto n = task.samples(split);
  std::vector<SampleForecast> samples;
  for (const auto index : {n / 6, n / 2, n - 1 - n / 6}) {
    Batch batch;
    task.gather(split, {index}, batch);
    const auto forecast = model.forward(forecast_input(batch)).forecast[0];
    const auto x = batch.tensors.at("x")[0], y = batch.tensors.at("y")[0];
    const auto history = std::min(x.size(0), std::max<std::int64_t>(2 * y.size(0), 10));
    samples.push_back({channel, column(x, x.size(1) - 1, history), column(y, y.size(1) - 1, y.size(0)),
                       column(forecast, forecast.size(1) - 1, forecast.size(0))});
  }
  return samples;
}

double or_nan(const Scores& scores, const std::string& name) {
  const auto found = scores.find(name);
  return found == scores.end() ? std::nan("") : found->second;
}

/// What every kind of run leaves.
CellResult cell_result(const Recipe& recipe, const RunResult& run) {
  CellResult result;
  const auto score = run.task->selection().score;
  result.metric = score;
  result.scores = run.test.empty() ? run.val : run.test;
  for (const auto& [name, value] : run.val) result.scores["val_" + name] = value;
  result.selected_by = run.parameters > 0 ? "val_" + score : "";
  result.parameters = run.parameters;
  result.seconds_per_step = run.seconds_per_step;
  result.batch_size = recipe.train.batch;
  result.peak_memory = run.peak_memory_bytes;
  result.epochs = run.epochs;
  result.best_epoch = run.best_epoch;
  if (run.best_epoch > 0) result.best_step = run.history.at(static_cast<std::size_t>(run.best_epoch - 1)).step;
  result.test_touches = run.test_touches;
  result.total_seconds = run.total_seconds();
  result.capped = run.capped;
  for (const auto& epoch : run.history)
    result.curve.push_back(
        {epoch.epoch, or_nan(epoch.train, recipe.is_sequence() ? "loss" : score), or_nan(epoch.val, score)});
  result.environment = environment_report();
  return result;
}

}  // namespace

CellResult run_cell(const Recipe& recipe, const std::filesystem::path& data) {
  RunOptions options;
  options.data = data;
  options.progress = true;
  options.cautions = false;   // the comparison tells them once
  options.show_test = false;  // of a trial it has no say; of a cell the comparison tells it
  std::string channel = "last series";
  if (recipe.task.type == "forecast") {
    const auto& t = recipe.task;
    const ForecastDataOptions wanted{t.data, t.features, t.target, t.freq, t.lookback, t.horizon};
    options.forecast_data = std::make_shared<const ForecastData>(load_forecast_data(wanted, data_roots(data)));
    channel = options.forecast_data->columns.back();
  }
  const auto run = run_experiment(recipe, options);
  auto result = cell_result(recipe, run);
  if (recipe.is_sequence()) {
    result.about = run.about;
    result.flops = run.about.at("cost").at("flops").get<double>();
  } else {
    auto& model = as_forecaster(*run.model);
    result.flops = flops_of_one_window(model, *run.task);
    result.forecasts = sample_forecasts(model, *run.task, channel);
  }
  return result;
}

}  // namespace longwave
