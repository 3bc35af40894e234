#include "longwave/train/auto_forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "longwave/base/check.h"
#include "longwave/train/forecast_backtest.h"
#include "longwave/train/forecast_choice.h"

namespace longwave {
namespace {

constexpr double kRefitShare = 0.4;  // of the budget is kept for the refit

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
  std::vector<SeriesChoice> series(c, {.model = "naive-last", .naive = {}});
  for (std::size_t k = 0; k < kept.size(); ++k) series[kept[k]] = result.series[k];
  result.series = series;
  result.forecast = spread(result.forecast, kept, c, horizon, [&](std::int64_t j) { return s.values[j]; });
  for (auto* intervals : {&result.interval80, &result.interval95})
    for (auto* side : {&intervals->low, &intervals->high})
      *side = spread(*side, kept, c, horizon, [](std::int64_t) { return 0.0; });
}

/// One call of auto_forecast on series that vary.
class Forecasting {
 public:
  Forecasting(const UserSeries& series, const AutoForecastOptions& options)
      : series_(series), options_(options), plan_(make_plan(series, options)) {}

  AutoForecast run() {
    result_.lookback = plan_.lookback;
    result_.season = plan_.season;
    result_.backtest_rows = series_.rows - plan_.test_from;
    result_.train_rows = plan_.val_from - plan_.train_from;
    const auto data = backtest_data(series_, plan_, options_.horizon, plan_.test_from);
    try_all(data);
    std::vector<std::string> tried;
    for (const auto& candidate : result_.candidates)
      if (candidate.left_out.empty()) tried.push_back(candidate.model);
    const auto horizons = static_cast<double>(result_.backtest_rows) / static_cast<double>(options_.horizon);
    result_.series = choose_by_series(tried, errors_, data->std, horizons);
    for (const auto& choice : result_.series) winners_.insert(choice.model);
    add_intervals();
    add_forecasts();
    result_.seconds = seconds();
    return std::move(result_);
  }

 private:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  void try_all(const std::shared_ptr<const ForecastData>& data) {
    const auto names = candidates_for(options_, plan_.season, series_.names.size());
    auto& candidates = result_.candidates;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto left = options_.budget_seconds * (1 - kRefitShare) - seconds();
      if (!is_naive(names[i]) && left < 1) {
        candidates.push_back({.model = names[i], .left_out = "no time left; a larger --budget gives more"});
        continue;
      }
      try {
        auto tried =
            try_candidate(series_, plan_, data, names[i], options_, left / static_cast<double>(names.size() - i));
        say(fmt::format("{:<16} backtest error {:.4f}  {:.1f} s", names[i], tried.score.mae, tried.score.seconds));
        result_.origins = tried.residuals.origins;
        errors_[names[i]] = std::move(tried.residuals);
        candidates.push_back(std::move(tried.score));
      } catch (const UserError& error) {  // one model that does not fit these data is no reason to give up
        candidates.push_back({.model = names[i], .left_out = error.what()});
      }
    }
    std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
      return std::pair(!a.left_out.empty(), a.mae) < std::pair(!b.left_out.empty(), b.mae);
    });
  }

  /// Naive forecasts are as good before the backtest as in it; more of their errors say more of the next one.
  void add_intervals() {
    for (const auto& model : winners_)
      if (is_naive(model) && plan_.reach_from < plan_.test_from)
        errors_[model] =
            try_candidate(series_, plan_, backtest_data(series_, plan_, options_.horizon, plan_.reach_from), model,
                          options_, 0)
                .residuals;
    const auto c = std::ssize(series_.names), h = options_.horizon;
    std::vector<double> shares;
    for (auto [level, intervals, share] : {std::tuple{0.8, &result_.interval80, &result_.coverage80},
                                           std::tuple{0.95, &result_.interval95, &result_.coverage95}}) {
      *intervals = {level, std::vector<double>(h * c), std::vector<double>(h * c)};
      shares.clear();
      for (std::int64_t j = 0; j < c; ++j) {
        const auto errors = errors_.at(result_.series[j].model).of_channel(j);
        const auto own = calibrate(errors, level, 0, errors.origins);
        for (std::int64_t step = 0; step < h; ++step) {
          intervals->low[step * c + j] = own.low[step];
          intervals->high[step * c + j] = own.high[step];
        }
        const double held = later_coverage(errors, level);
        if (!std::isnan(held)) shares.push_back(held);
      }
      *share = std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(shares.size());  // NaN of none
    }
  }

  /// Each winner is refitted once, with all series; of its forecasts those of the series are taken that it won.
  void add_forecasts() {
    const auto data = refit_data(series_, plan_, options_.horizon);
    const auto c = series_.names.size();
    result_.forecast.resize(options_.horizon * c);
    auto waiting = std::count_if(winners_.begin(), winners_.end(), [](const auto& model) { return !is_naive(model); });
    for (const auto& model : winners_) {
      const auto& candidate = *std::find_if(result_.candidates.begin(), result_.candidates.end(),
                                            [&](const auto& tried) { return tried.model == model; });
      say("refitting " + model + " on all rows");
      const auto left = std::max(2.0, options_.budget_seconds - seconds());
      const auto share = left / static_cast<double>(std::max<std::int64_t>(1, waiting));
      if (!is_naive(model)) --waiting;
      const auto forecast = refit(plan_, data, candidate, options_, share);
      for (std::size_t i = 0; i < forecast.size(); ++i)
        if (result_.series[i % c].model == model) result_.forecast[i] = forecast[i];
    }
  }

  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  const UserSeries& series_;
  const AutoForecastOptions& options_;
  ForecastPlan plan_;
  AutoForecast result_;
  std::map<std::string, Residuals> errors_;  // of every candidate tried
  std::set<std::string> winners_;
};

}  // namespace

AutoForecast auto_forecast(const UserSeries& all, const AutoForecastOptions& options) {
  check(options.horizon >= 1, "--horizon is ", options.horizon, "; expected at least 1");
  std::vector<std::int64_t> kept;
  const auto series = varying(all, kept);
  AutoForecast result;
  if (kept.empty()) {
    result.interval80.level = 0.8;
    result.interval95.level = 0.95;
    result.coverage80 = result.coverage95 = 1;
  } else {
    result = Forecasting(series, options).run();
  }
  put_constants_back(result, all, kept, options.horizon);
  return result;
}

}  // namespace longwave
