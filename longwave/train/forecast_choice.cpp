#include "longwave/train/forecast_choice.h"

#include <numeric>

#include "longwave/train/forecast_backtest.h"

namespace longwave {
namespace {

struct Entry {
  std::string model;
  std::vector<double> errors;  // at every origin
  double mean = 0;
};

SeriesChoice choose_for(std::int64_t series, const std::vector<std::string>& candidates,
                        const std::map<std::string, Residuals>& errors, double unit, double horizons) {
  Entry best, naive;
  for (const auto& model : candidates) {
    Entry entry{model, origin_errors(errors.at(model), series)};
    entry.mean = std::accumulate(entry.errors.begin(), entry.errors.end(), 0.0) / (unit * entry.errors.size());
    if (is_naive(model) && (naive.model.empty() || entry.mean < naive.mean)) naive = entry;
    if (best.model.empty() || entry.mean < best.mean) best = std::move(entry);
  }
  const bool beats = best.mean < naive.mean && clearly_lower(best.errors, naive.errors, horizons);
  const auto& winner = beats ? best : naive;
  return {winner.model, beats, naive.model, winner.mean, naive.mean};
}

}  // namespace

std::vector<SeriesChoice> choose_by_series(const std::vector<std::string>& candidates,
                                           const std::map<std::string, Residuals>& errors,
                                           const std::vector<double>& std, double horizons) {
  std::vector<SeriesChoice> choices;
  for (std::size_t j = 0; j < std.size(); ++j)
    choices.push_back(choose_for(static_cast<std::int64_t>(j), candidates, errors, std[j], horizons));
  return choices;
}

}  // namespace longwave
