#pragma once

#include <cmath>
#include <memory>

#include "longwave/base/random.h"
#include "longwave/data/forecast_data.h"

namespace longwave::testing {

/// A small set of two noisy waves in memory, split 60/20/20.
inline std::shared_ptr<ForecastData> wave_data(std::int64_t rows = 150, std::int64_t lookback = 13,
                                               std::int64_t horizon = 3) {
  auto data = std::make_shared<ForecastData>();
  data->name = "waves";
  data->columns = {"a", "b"};
  data->targets = 2;
  data->time_features = 4;
  data->mean = {0, 0};
  data->std = {1, 1};
  data->lookback = lookback;
  data->horizon = horizon;
  RandomStream noise{7, 0};
  std::int64_t row = 0;
  const auto fill = [&](SeriesPart& part, std::int64_t count) {
    part.first_row = row;
    part.rows = count;
    for (std::int64_t i = 0; i < count; ++i, ++row) {
      part.values.push_back(static_cast<float>(std::sin(0.4 * row) + 0.1 * noise.normal()));
      part.values.push_back(static_cast<float>(std::cos(0.7 * row) + 0.1 * noise.normal()));
      for (int f = 0; f < 4; ++f) part.marks.push_back(static_cast<float>(row + 0.25 * f));
    }
  };
  fill(data->train, rows * 6 / 10);
  fill(data->val, rows / 5);
  fill(data->test, rows / 5);
  return data;
}

}  // namespace longwave::testing
