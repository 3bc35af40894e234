#pragma once

#include <cstdint>
#include <memory>

#include "longwave/tasks/forecast.h"

namespace longwave {

/// Sizes of the synthetic experiment: one step ahead, two channels, the last `lookback` of 64 observed steps.
/// UserError if there are not so many.
ForecastSizes synthetic_var_sizes(std::int64_t lookback, std::int64_t label);

/// One-step forecasts of generated vector autoregressions, each series with matrices of its own: they must be inferred
/// from the series. Trained on orders 1 and 2, validated on orders 3 and 4; no test split (see data/synthetic_var.h).
std::shared_ptr<const ForecastTask> make_synthetic_var_task(std::uint64_t seed, std::int64_t train_series,
                                                            std::int64_t val_series, const ForecastSizes& sizes,
                                                            const ForecastTaskOptions& options);

}  // namespace longwave
