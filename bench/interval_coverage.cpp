// Do the intervals of `longwave forecast` hold what they promise? Simulates series, forecasts them, simulates what
// comes after, and counts: the share of new values inside the 80 % and the 95 % intervals, and the intervals' mean
// width over that of one who knows the process. Prints a table.
//
// usage: interval_coverage SERIES [MODEL,...]     so many simulated series for each number; candidates beside the naive
// forecasts (default: none, which is quick)

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "longwave/base/random.h"
#include "longwave/train/auto_forecast.h"

namespace longwave {
namespace {

constexpr std::int64_t kSeason = 12, kFutures = 10;  // ends of one series

/// x_t = rho x_{t-1} + s_t normal noise, and a wave on it; log s_t = memory log s_{t-1} + change normal noise.
struct Process {
  const char* name;
  double rho, wave, memory = 0, change = 0;
};

constexpr Process kProcesses[] = {{"random walk", 1, 0},
                                  {"AR(1) 0.9", 0.9, 0},
                                  {"AR(1) 0.5", 0.5, 0},
                                  {"noise", 0, 0},
                                  {"season + noise", 0, 3},
                                  {"walk, changing volatility", 1, 0, 0.98, 0.14},
                                  {"walk, drifting volatility", 1, 0, 0.995, 0.07}};

class Path {
 public:
  Path(const Process& process, RandomStream& random) : process_(process), random_(random) {
    if (process.rho < 1 || process.memory > 0)
      for (int t = 0; t < (process.memory > 0 ? 600 : 100); ++t) next();
  }
  double next() {
    if (process_.memory > 0) log_size_ = process_.memory * log_size_ + process_.change * random_.normal();
    level_ = process_.rho * level_ + std::exp(log_size_) * random_.normal();
    return level_ + process_.wave * std::sin(2 * M_PI * static_cast<double>(time_++) / kSeason);
  }

  /// Mean standard deviation of the next `horizon` values of one who knows the process and its volatility now.
  double ideal_deviation(std::int64_t horizon) const {
    double sum = 0, variance = 0, mean = log_size_, spread = 0;
    for (std::int64_t step = 0; step < horizon; ++step) {
      mean *= process_.memory;
      spread = process_.memory * process_.memory * spread + process_.change * process_.change;
      variance = std::exp(2 * (mean + spread)) + process_.rho * process_.rho * variance;
      sum += std::sqrt(variance) / static_cast<double>(horizon);
    }
    return sum;
  }

 private:
  const Process& process_;
  RandomStream& random_;
  double level_ = 0, log_size_ = 0;
  std::int64_t time_ = 0;
};

struct Tally {
  double held = 0, width = 0;

  void add(const Intervals& intervals, const std::vector<double>& forecast, const std::vector<double>& truth,
           double weight) {
    const auto each = weight / static_cast<double>(truth.size());
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const double error = truth[i] - forecast[i];
      if (error >= intervals.low[i] && error <= intervals.high[i]) held += each;
      width += each * (intervals.high[i] - intervals.low[i]);
    }
  }
};

/// "80 / 95 (1.05 / 1.07)": per cent held at both levels, widths over the ideal ones.
std::string measure(const Process& process, std::int64_t rows, const AutoForecastOptions& options,
                    std::int64_t series) {
  Tally narrow, wide;
  double ideal = 0;
  RandomStream random{static_cast<std::uint64_t>(rows * 100 + options.horizon), 0};
  for (std::int64_t i = 0; i < series; ++i) {
    Path path(process, random);
    UserSeries known;
    known.names = {"x"};
    known.rows = rows;
    for (std::int64_t t = 0; t < rows; ++t) known.values.push_back(path.next());
    const auto result = auto_forecast(known, options);
    ideal += 2 * path.ideal_deviation(options.horizon) / static_cast<double>(series);
    for (std::int64_t future = 0; future < kFutures; ++future) {
      auto after = path;
      std::vector<double> truth;
      for (std::int64_t step = 0; step < options.horizon; ++step) truth.push_back(after.next());
      const double weight = 1.0 / static_cast<double>(series * kFutures);
      narrow.add(result.interval80, result.forecast, truth, weight);
      wide.add(result.interval95, result.forecast, truth, weight);
    }
  }
  return fmt::format("{:.0f} / {:.0f} ({:.2f} / {:.2f})", 100 * narrow.held, 100 * wide.held,
                     narrow.width / (1.2816 * ideal), wide.width / (1.96 * ideal));
}

void table(std::int64_t series, const std::vector<std::string>& candidates) {
  fmt::print("| series | rows | 1 step ahead | 12 steps | 24 steps |\n|---|---|---|---|---|\n");
  for (const auto& process : kProcesses)
    for (const std::int64_t rows : {60, 120, 500, 2000}) {
      fmt::print("| {} | {} |", process.name, rows);
      for (const std::int64_t horizon : {1, 12, 24}) {
        AutoForecastOptions options;
        options.horizon = horizon;
        options.candidates = candidates;
        const bool fits = rows >= 3 * horizon + 8;  // see make_plan
        fmt::print(" {} |", fits ? measure(process, rows, options, series) : "too few rows");
        std::fflush(stdout);
      }
      fmt::print("\n");
    }
}

}  // namespace
}  // namespace longwave

int main(int argc, char** argv) {
  const auto series = argc > 1 ? std::atoll(argv[1]) : 0;
  if (series < 1) {
    fmt::print(stderr, "usage: interval_coverage SERIES [MODEL,...]\n");
    return 2;
  }
  std::vector<std::string> candidates;
  std::stringstream words(argc > 2 ? argv[2] : "naive-last");
  for (std::string word; std::getline(words, word, ',');) candidates.push_back(word);
  longwave::table(series, candidates);
}
