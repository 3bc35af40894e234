#include "longwave/train/forecast_backtest.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "longwave/base/check.h"
#include "longwave/tasks/forecast.h"
#include "longwave/train/subject.h"

namespace longwave {
namespace {

constexpr std::int64_t kMaxOrigins = 200;
constexpr std::int64_t kManySeries = 32;  // from here on SAMoVAR, whose width follows them, is too slow for a budget
constexpr std::int64_t kBatch = 32;
const std::vector<std::string> kNaive{"naive-last", "seasonal-naive", "mean"};

/// What trains quickly and well without tuning: a moderate constant rate, ended by validation or by the clock.
Recipe make_recipe(const std::string& model, const ForecastPlan& plan, const AutoForecastOptions& options) {
  Recipe recipe;
  recipe.task.lookback = plan.lookback;
  recipe.task.horizon = options.horizon;
  recipe.model = model;
  Settings fields;
  if (model == "seasonal-naive") fields["period"] = {plan.season, "seasonal period"};
  recipe.model_config = find_forecaster(model).resolve(fields, "model", false);
  recipe.train.batch = kBatch;
  recipe.train.epochs = 60;
  recipe.train.patience = 5;
  recipe.train.schedule = "constant";
  recipe.train.learning_rate = 1e-3;
  recipe.train.weight_decay = 0.01;
  recipe.train.seed = options.seed;
  return recipe;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// What one validation and the backtest will take, by the time of one batch of the untrained model. The trainer's clock
/// stops between steps alone, so this must be known before.
double seconds_of_scoring(const Recipe& recipe, const RunOptions& options) {
  const at::NoGradGuard no_grad;
  const auto subject = open_subject(recipe, options);
  const auto built = build_model(recipe, subject.sizes);
  const auto task = subject.make_task(*built.module);
  auto& model = as_forecaster(*built.module);
  model.eval();
  const auto& data = *options.forecast_data;
  const auto windows = std::min(kMaxOrigins, data.windows(Split::test)) + data.windows(Split::val);
  std::vector<std::int64_t> some(std::min(kBatch, data.windows(Split::val)));
  std::iota(some.begin(), some.end(), 0);
  Batch batch;
  task->gather(Split::val, some, batch);
  model.forward(forecast_input(batch));  // the first one takes memory
  const auto begin = std::chrono::steady_clock::now();
  model.forward(forecast_input(batch));
  return seconds_since(begin) * static_cast<double>(windows) / static_cast<double>(some.size());
}

/// Forecasts of these test windows in the user's units, [windows, horizon, channels].
std::vector<double> predict(const RunResult& run, const ForecastData& data, const std::vector<std::int64_t>& windows) {
  const at::NoGradGuard no_grad;
  auto& model = as_forecaster(*run.model);
  model.eval();
  std::vector<double> all;
  Batch batch;
  for (std::size_t i = 0; i < windows.size(); i += kBatch) {
    const std::vector<std::int64_t> some(windows.begin() + i, windows.begin() + std::min(windows.size(), i + kBatch));
    run.task->gather(Split::test, some, batch);
    const auto out = model.forward(forecast_input(batch)).forecast.contiguous();
    all.insert(all.end(), out.data_ptr<float>(), out.data_ptr<float>() + out.numel());
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto j = i % data.std.size();
    all[i] = all[i] * data.std[j] + data.mean[j];
  }
  return all;
}

std::vector<std::int64_t> choose_origins(std::int64_t windows) {
  std::vector<std::int64_t> origins;
  const auto count = std::min(windows, kMaxOrigins);
  for (std::int64_t i = 0; i < count; ++i) origins.push_back(count > 1 ? i * (windows - 1) / (count - 1) : windows - 1);
  return origins;
}

/// truth - forecast at the origins, in the user's units.
Residuals errors_at(const UserSeries& s, const ForecastData& data, const RunResult& run,
                    const std::vector<std::int64_t>& origins) {
  const auto c = data.channels(), h = data.horizon, n = std::ssize(origins);
  const auto forecast = predict(run, data, origins);
  Residuals r{n, h, c, std::vector<double>(forecast.size())};
  if (n > 1) r.spacing = static_cast<double>(origins.back() - origins.front()) / static_cast<double>(n - 1);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t step = 0; step < h; ++step)
      for (std::int64_t j = 0; j < c; ++j) {
        const auto row = data.test.first_row + origins[i] + data.lookback + step;
        const auto at = (i * h + step) * c + j;
        r.values[at] = s.values[row * c + j] - forecast[at];
      }
  return r;
}

void set_score(CandidateScore& candidate, const Residuals& r, const std::vector<double>& std) {
  double absolute = 0, square = 0;
  for (std::size_t i = 0; i < r.values.size(); ++i) {
    const double error = r.values[i] / std[i % std.size()];
    absolute += std::abs(error);
    square += error * error;
  }
  candidate.mae = absolute / r.values.size();
  candidate.rmse = std::sqrt(square / r.values.size());
}

}  // namespace

bool is_naive(const std::string& model) { return std::find(kNaive.begin(), kNaive.end(), model) != kNaive.end(); }

std::vector<std::string> candidates_for(const AutoForecastOptions& options, std::int64_t season, std::size_t series) {
  if (!options.candidates.empty()) {
    std::vector<std::string> all;
    for (const auto& name : options.candidates)
      if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
    for (const auto& name : kNaive)
      if (std::find(all.begin(), all.end(), name) == all.end() && (season > 1 || name != "seasonal-naive"))
        all.insert(all.begin(), name);
    return all;
  }
  std::vector<std::string> all{"naive-last", "mean", "nlinear", "dlinear"};
  if (series < kManySeries) all.push_back("samovar");
  if (season > 1) all.insert(all.begin() + 1, "seasonal-naive");
  return all;
}

Tried try_candidate(const UserSeries& series, const ForecastPlan& plan, std::shared_ptr<const ForecastData> data,
                    const std::string& model, const AutoForecastOptions& options, double seconds) {
  RunOptions run_options;
  run_options.forecast_data = data;
  run_options.score = false;  // the backtest does that
  const auto begin = std::chrono::steady_clock::now();
  auto recipe = make_recipe(model, plan, options);
  if (!is_naive(model)) {
    const double scoring = seconds_of_scoring(recipe, run_options);
    check(scoring < seconds, "too slow: scoring alone takes about ", std::ceil(scoring), " of its ",
          std::floor(seconds), " seconds; --budget gives more time");
    recipe.train.max_minutes = (seconds - scoring) / 60;
  }
  const auto run = run_experiment(recipe, run_options);
  Tried tried;
  tried.residuals = errors_at(series, *data, run, choose_origins(data->windows(Split::test)));
  tried.score = {.model = model, .epochs = run.best_epoch, .naive = is_naive(model), .left_out = {}};
  set_score(tried.score, tried.residuals, data->std);
  tried.score.seconds = seconds_since(begin);
  return tried;
}

std::vector<double> refit(const ForecastPlan& plan, std::shared_ptr<const ForecastData> data,
                          const CandidateScore& candidate, const AutoForecastOptions& options, double seconds) {
  auto recipe = make_recipe(candidate.model, plan, options);
  recipe.train.max_minutes = seconds / 60;
  recipe.train.epochs = std::max<std::int64_t>(1, candidate.epochs);
  recipe.train.patience = recipe.train.epochs;
  RunOptions run_options;
  run_options.forecast_data = data;
  run_options.score = false;
  run_options.keep_last = true;
  return predict(run_experiment(recipe, run_options), *data, {0});
}

}  // namespace longwave
