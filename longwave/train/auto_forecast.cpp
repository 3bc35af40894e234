#include "longwave/train/auto_forecast.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "longwave/base/check.h"
#include "longwave/tasks/forecast.h"
#include "longwave/train/series_season.h"

namespace longwave {
namespace {

constexpr std::int64_t kMaxTrainRows = 20000;  // the newest; more would spend the budget on the distant past
constexpr std::int64_t kMaxOrigins = 200;
constexpr std::int64_t kMinWindows = 8;        // of training, in the backtest
constexpr std::int64_t kMaxValidation = 1000;  // windows: more would spend the budget on scoring
constexpr std::int64_t kManySeries = 32;  // from here on SAMoVAR, whose width follows them, is too slow for a budget
constexpr std::int64_t kMaxLookback = 1024;
constexpr std::int64_t kBatch = 32;
constexpr double kRefitShare = 0.4;  // of the budget is kept for the refit
const std::vector<std::string> kNaive{"naive-last", "seasonal-naive", "mean"};

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

bool is_naive(const std::string& model) { return std::find(kNaive.begin(), kNaive.end(), model) != kNaive.end(); }

/// Where the rows go. Backtest: train [train_from, val_from), val [val_from, test_from), origins test_from .. rows - h.
struct Plan {
  std::int64_t lookback, season, train_from, val_from, test_from;
};

std::int64_t choose_lookback(std::int64_t rows, std::int64_t horizon, std::int64_t season) {
  const auto wish = std::clamp<std::int64_t>(std::max(3 * horizon, 3 * season), 16, kMaxLookback);
  const auto most = std::max<std::int64_t>({1, (rows - 3 * horizon) / 3, season});  // one season at the least
  return std::clamp<std::int64_t>(wish, 1, most);
}

Plan make_plan(const UserSeries& series, std::int64_t season, const AutoForecastOptions& options) {
  const auto n = series.rows, h = options.horizon;
  Plan plan{};
  plan.season = season;
  // Training windows, then one horizon each of validation and backtest at the least.
  const auto rest = 3 * h + kMinWindows - 1;
  plan.lookback = options.lookback > 0 ? options.lookback
                                       : std::clamp<std::int64_t>(n - rest, 1, choose_lookback(n, h, plan.season));
  const auto needed = plan.lookback + rest;
  const auto longest = (n - plan.lookback - kMinWindows + 1) / 3;
  check(n >= needed, "too few rows: ", n, " rows are not enough for lookback ", plan.lookback, " + horizon ", h,
        " with a backtest; expected at least ", needed,
        longest > 0 ? "; the longest horizon that fits is " + std::to_string(longest) : "");
  const auto spare = n - needed;
  const auto test = h + std::min(spare / 3, std::max<std::int64_t>(0, n / 5 - h));
  const auto val = h + std::min({spare / 3, std::max<std::int64_t>(0, n / 8 - h), kMaxValidation});
  plan.test_from = n - test;
  plan.val_from = plan.test_from - val;
  plan.train_from = std::max<std::int64_t>(0, plan.val_from - kMaxTrainRows);
  return plan;
}

/// Mean and standard deviation of a series over rows [from, to); 0 where the variation is rounding.
std::pair<double, double> moments(const UserSeries& s, std::int64_t j, std::int64_t from, std::int64_t to) {
  const auto c = std::ssize(s.names);
  double mean = 0, square = 0;
  for (auto t = from; t < to; ++t) mean += s.values[t * c + j] / (to - from);
  for (auto t = from; t < to; ++t) square += std::pow(s.values[t * c + j] - mean, 2) / (to - from);
  const double deviation = std::sqrt(square);
  return {mean, deviation <= 1e-12 * std::abs(mean) ? 0 : deviation};
}

/// Training statistics of rows [from, to), as the protocol of the literature has them. A series that begins to vary
/// only later has its scale from all rows: no other one would let its errors compare with those of the others.
void fit_scaler(ForecastData& data, const UserSeries& s, std::int64_t from, std::int64_t to) {
  for (std::int64_t j = 0; j < std::ssize(s.names); ++j) {
    const auto [mean, deviation] = moments(s, j, from, to);
    const double scale = deviation > 0 ? deviation : moments(s, j, 0, s.rows).second;
    data.mean.push_back(mean);
    data.std.push_back(scale > 0 ? scale : 1);
  }
}

/// Rows [from, to), standardised; rows past the end are zeros whose calendar is known.
SeriesPart make_part(const ForecastData& data, const UserSeries& s, std::int64_t from, std::int64_t to) {
  const auto c = data.channels(), f = s.time_features;
  SeriesPart part;
  part.rows = to - from;
  part.first_row = from;
  for (auto t = from; t < to; ++t)
    for (std::int64_t j = 0; j < c; ++j)
      part.values.push_back(t < s.rows ? static_cast<float>((s.values[t * c + j] - data.mean[j]) / data.std[j]) : 0.f);
  part.marks.assign(s.marks.begin() + from * f, s.marks.begin() + to * f);
  return part;
}

struct Borders {
  std::int64_t train_from, train_to, val_from, val_to, test_from, test_to;  // of target rows
};

std::shared_ptr<const ForecastData> make_data(const UserSeries& s, const Borders& b, std::int64_t lookback,
                                              std::int64_t horizon) {
  auto data = std::make_shared<ForecastData>();
  data->name = "series";
  data->columns = s.names;
  data->targets = data->channels();
  data->time_features = s.time_features;
  data->lookback = lookback;
  data->horizon = horizon;
  fit_scaler(*data, s, b.train_from, b.train_to);
  data->train = make_part(*data, s, b.train_from, b.train_to);
  data->val = make_part(*data, s, b.val_from - lookback, b.val_to);
  data->test = make_part(*data, s, b.test_from - lookback, b.test_to);
  return data;
}

/// What trains quickly and well without tuning: a moderate constant rate, ended by validation or by the clock.
Recipe make_recipe(const std::string& model, const Plan& plan, const AutoForecastOptions& options) {
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

/// Forecasts of these test windows, standardised, [windows, horizon, channels].
std::vector<float> predict(const RunResult& run, const std::vector<std::int64_t>& windows) {
  const at::NoGradGuard no_grad;
  auto& model = as_forecaster(*run.model);
  model.eval();
  std::vector<float> all;
  Batch batch;
  for (std::size_t i = 0; i < windows.size(); i += kBatch) {
    const std::vector<std::int64_t> some(windows.begin() + i, windows.begin() + std::min(windows.size(), i + kBatch));
    run.task->gather(Split::test, some, batch);
    const auto out = model.forward(forecast_input(batch)).forecast.contiguous();
    all.insert(all.end(), out.data_ptr<float>(), out.data_ptr<float>() + out.numel());
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
Residuals backtest(const UserSeries& s, const ForecastData& data, const RunResult& run,
                   const std::vector<std::int64_t>& origins) {
  const auto c = data.channels(), h = data.horizon;
  const auto forecast = predict(run, origins);
  Residuals r{static_cast<std::int64_t>(origins.size()), h, c, std::vector<double>(forecast.size())};
  for (std::size_t i = 0; i < origins.size(); ++i)
    for (std::int64_t step = 0; step < h; ++step)
      for (std::int64_t j = 0; j < c; ++j) {
        const auto row = data.test.first_row + origins[i] + data.lookback + step;
        const auto at = (static_cast<std::int64_t>(i) * h + step) * c + j;
        r.values[at] = s.values[row * c + j] - (forecast[at] * data.std[j] + data.mean[j]);
      }
  return r;
}

void score(CandidateScore& candidate, const Residuals& r, const std::vector<double>& std) {
  double absolute = 0, square = 0;
  for (std::size_t i = 0; i < r.values.size(); ++i) {
    const double error = r.values[i] / std[i % std.size()];
    absolute += std::abs(error);
    square += error * error;
  }
  candidate.mae = absolute / r.values.size();
  candidate.rmse = std::sqrt(square / r.values.size());
}

struct Tried {
  CandidateScore score;
  Residuals residuals;
};

Tried try_candidate(const UserSeries& series, const Plan& plan, const std::shared_ptr<const ForecastData>& data,
                    const std::string& model, const AutoForecastOptions& options, double seconds) {
  auto recipe = make_recipe(model, plan, options);
  recipe.train.max_minutes = seconds / 60;
  RunOptions run_options;
  run_options.forecast_data = data;
  run_options.score = false;  // the backtest does that
  const Clock clock;
  const auto run = run_experiment(recipe, run_options);
  Tried tried;
  tried.residuals = backtest(series, *data, run, choose_origins(data->windows(Split::test)));
  tried.score = {.model = model, .epochs = run.best_epoch, .naive = is_naive(model), .left_out = {}};
  score(tried.score, tried.residuals, data->std);
  tried.score.seconds = clock.seconds();
  return tried;
}

/// Trains the chosen model on all rows for as many epochs as the backtest found best, and forecasts what follows.
std::vector<double> refit(const UserSeries& s, const Plan& plan, const CandidateScore& chosen,
                          const AutoForecastOptions& options, double seconds) {
  const auto n = s.rows, h = options.horizon;
  const auto from = std::max<std::int64_t>(0, n - kMaxTrainRows);
  // All rows are trained on. The validation part is only there because a run has one: the last epoch's weights count.
  const auto data = make_data(s, {from, n, n - h, n, n, n + h}, plan.lookback, h);
  auto recipe = make_recipe(chosen.model, plan, options);
  recipe.train.epochs = std::max<std::int64_t>(1, chosen.epochs);
  recipe.train.patience = recipe.train.epochs;
  recipe.train.max_minutes = seconds / 60;
  RunOptions run_options;
  run_options.forecast_data = data;
  run_options.score = false;
  run_options.keep_last = true;
  const auto scaled = predict(run_experiment(recipe, run_options), {0});
  std::vector<double> forecast(scaled.size());
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    const auto j = i % data->std.size();
    forecast[i] = scaled[i] * data->std[j] + data->mean[j];
  }
  return forecast;
}

/// The best candidate; a trained one only if it is better than the best naive one by more than chance.
const CandidateScore& choose(const std::vector<CandidateScore>& best_first,
                             const std::map<std::string, Residuals>& residuals, const std::vector<double>& std,
                             double horizons) {
  const auto& best = best_first.front();
  const auto& naive = *std::find_if(best_first.begin(), best_first.end(), [](const auto& c) { return c.naive; });
  if (best.naive) return best;
  const auto errors = [&](const CandidateScore& c) { return origin_errors(residuals.at(c.model), std); };
  return clearly_lower(errors(best), errors(naive), horizons) ? best : naive;
}

void add_intervals(AutoForecast& result, const Residuals& r) {
  const auto half = r.origins / 2;
  result.interval80 = calibrate(r, 0.8, 0, r.origins);
  result.interval95 = calibrate(r, 0.95, 0, r.origins);
  const auto later = [&](double level) {
    return half ? coverage(r, calibrate(r, level, 0, half), half, r.origins) : std::numeric_limits<double>::quiet_NaN();
  };
  result.coverage80 = later(0.8);
  result.coverage95 = later(0.95);
}

/// The series without the constant ones, and where each came from.
UserSeries varying(const UserSeries& s, std::vector<std::int64_t>& kept) {
  const auto c = std::ssize(s.names);
  for (std::int64_t j = 0; j < c; ++j)
    for (std::int64_t t = 1; t < s.rows; ++t)
      if (s.values[t * c + j] != s.values[j]) {
        kept.push_back(j);
        break;
      }
  UserSeries rest = s;
  rest.names.clear();
  rest.values.clear();
  for (const auto j : kept) rest.names.push_back(s.names[j]);
  for (std::int64_t t = 0; t < s.rows; ++t)
    for (const auto j : kept) rest.values.push_back(s.values[t * c + j]);
  return rest;
}

/// [horizon, kept] spread into [horizon, all]; the constant series get `constant(j)`.
template <class Constant>
std::vector<double> spread(const std::vector<double>& part, const std::vector<std::int64_t>& kept, std::int64_t all,
                           std::int64_t horizon, Constant constant) {
  std::vector<double> whole(horizon * all);
  for (std::int64_t step = 0; step < horizon; ++step) {
    for (std::int64_t j = 0; j < all; ++j) whole[step * all + j] = constant(j);
    for (std::size_t k = 0; k < kept.size(); ++k) whole[step * all + kept[k]] = part[step * kept.size() + k];
  }
  return whole;
}

void put_constants_back(AutoForecast& result, const UserSeries& s, const std::vector<std::int64_t>& kept,
                        std::int64_t horizon) {
  const auto c = std::ssize(s.names);
  result.forecast = spread(result.forecast, kept, c, horizon, [&](std::int64_t j) { return s.values[j]; });
  for (auto* intervals : {&result.interval80, &result.interval95})
    for (auto* side : {&intervals->low, &intervals->high})
      *side = spread(*side, kept, c, horizon, [](std::int64_t) { return 0.0; });
}

std::vector<std::string> candidates_for(const AutoForecastOptions& options, std::int64_t season, std::size_t series) {
  if (!options.candidates.empty()) {
    std::vector<std::string> all;
    for (const auto& name : options.candidates)
      if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
    // the naive ones are always there: without them no score means anything
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

}  // namespace

AutoForecast auto_forecast(const UserSeries& all, const AutoForecastOptions& options) {
  check(options.horizon >= 1, "--horizon is ", options.horizon, "; expected at least 1");
  const auto say = [&](const std::string& line) {
    if (options.say) options.say(line);
  };
  const Clock clock;
  AutoForecast result;
  std::vector<std::int64_t> kept;
  const auto series = varying(all, kept);
  if (kept.empty()) {
    result.chosen = "naive-last";
    result.interval80.level = 0.8;
    result.interval95.level = 0.95;
    result.coverage80 = result.coverage95 = 1;
    put_constants_back(result, all, kept, options.horizon);
    return result;
  }
  const auto plan = make_plan(series, find_season(series, 3 * options.horizon + kMinWindows), options);
  const auto data =
      make_data(series, {plan.train_from, plan.val_from, plan.val_from, plan.test_from, plan.test_from, series.rows},
                plan.lookback, options.horizon);
  result.lookback = plan.lookback;
  result.season = plan.season;
  result.backtest_rows = series.rows - plan.test_from;
  result.train_rows = plan.val_from - plan.train_from;

  const auto names = candidates_for(options, plan.season, series.names.size());
  std::map<std::string, Residuals> residuals;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto left = options.budget_seconds * (1 - kRefitShare) - clock.seconds();
    if (!is_naive(names[i]) && left < 1) {
      result.candidates.push_back({.model = names[i], .left_out = "no time left in --budget"});
      continue;
    }
    const auto share = left / static_cast<double>(names.size() - i);
    std::optional<Tried> tried;
    try {
      tried = try_candidate(series, plan, data, names[i], options, share);
    } catch (const UserError& error) {  // one model that does not fit these data is no reason to give up
      result.candidates.push_back({.model = names[i], .left_out = error.what()});
      continue;
    }
    say(fmt::format("{:<16} backtest error {:.4f}  {:.1f} s", names[i], tried->score.mae, tried->score.seconds));
    result.origins = tried->residuals.origins;
    residuals[names[i]] = std::move(tried->residuals);
    result.candidates.push_back(std::move(tried->score));
  }
  std::stable_sort(result.candidates.begin(), result.candidates.end(), [](const auto& a, const auto& b) {
    return std::pair(!a.left_out.empty(), a.mae) < std::pair(!b.left_out.empty(), b.mae);
  });
  const auto& winner = choose(result.candidates, residuals, data->std,
                              static_cast<double>(result.backtest_rows) / static_cast<double>(options.horizon));
  result.chosen = winner.model;
  result.beats_naive = !winner.naive;
  add_intervals(result, residuals.at(winner.model));
  say("refitting " + result.chosen + " on all rows");
  result.forecast = refit(series, plan, winner, options, std::max(2.0, options.budget_seconds - clock.seconds()));
  put_constants_back(result, all, kept, options.horizon);
  result.seconds = clock.seconds();
  return result;
}

}  // namespace longwave
