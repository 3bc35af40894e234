#include "longwave/train/forecast_plan.h"

#include <algorithm>
#include <cmath>

#include "longwave/base/check.h"
#include "longwave/train/series_season.h"

namespace longwave {
namespace {

constexpr std::int64_t kMaxTrainRows = 20000;  // the newest; more would spend the budget on the distant past
constexpr std::int64_t kMinWindows = 8;        // of training, in the backtest
constexpr std::int64_t kMaxValidation = 1000;  // windows: more would spend the budget on scoring
constexpr std::int64_t kMaxLookback = 1024;
constexpr std::int64_t kReach = 30;  // horizons, from which errors of a naive forecast are taken

std::int64_t choose_lookback(std::int64_t rows, std::int64_t horizon, std::int64_t season) {
  const auto wish = std::clamp<std::int64_t>(std::max(3 * horizon, 3 * season), 16, kMaxLookback);
  const auto most = std::max<std::int64_t>({1, (rows - 3 * horizon) / 3, season});  // one season at the least
  return std::clamp<std::int64_t>(wish, 1, most);
}

/// Training statistics of rows [from, to), as the protocol of the literature has them. A series that begins to vary
/// only later has its scale from all rows: no other one would let its errors compare with those of the others.
void fit_scaler(ForecastData& data, const UserSeries& s, std::int64_t from, std::int64_t to) {
  for (std::int64_t j = 0; j < std::ssize(s.names); ++j) {
    const auto [mean, deviation] = moments_of(s, j, from, to);
    const double scale = deviation > 0 ? deviation : moments_of(s, j, 0, s.rows).deviation;
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

}  // namespace

Moments moments_of(const UserSeries& s, std::int64_t channel, std::int64_t from, std::int64_t to) {
  const auto c = std::ssize(s.names);
  double mean = 0, square = 0;
  for (auto t = from; t < to; ++t) mean += s.values[t * c + channel] / (to - from);
  for (auto t = from; t < to; ++t) square += std::pow(s.values[t * c + channel] - mean, 2) / (to - from);
  const double deviation = std::sqrt(square);
  return {mean, deviation <= 1e-12 * std::abs(mean) ? 0 : deviation};
}

ForecastPlan make_plan(const UserSeries& series, const AutoForecastOptions& options) {
  const auto n = series.rows, h = options.horizon;
  ForecastPlan plan{};
  plan.season = find_season(series, 3 * h + kMinWindows);
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
  plan.reach_from = std::max(plan.lookback, std::min(plan.test_from, n - kReach * h));
  return plan;
}

std::shared_ptr<const ForecastData> backtest_data(const UserSeries& series, const ForecastPlan& plan,
                                                  std::int64_t horizon, std::int64_t test_from) {
  return make_data(series, {plan.train_from, plan.val_from, plan.val_from, plan.test_from, test_from, series.rows},
                   plan.lookback, horizon);
}

std::shared_ptr<const ForecastData> refit_data(const UserSeries& series, const ForecastPlan& plan,
                                               std::int64_t horizon) {
  const auto n = series.rows, from = std::max<std::int64_t>(0, n - kMaxTrainRows);
  // The validation part is only there because a run has one: the last epoch's weights count.
  return make_data(series, {from, n, n - horizon, n, n, n + horizon}, plan.lookback, horizon);
}

}  // namespace longwave
