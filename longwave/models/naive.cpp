// Forecasts without weights, the lower bar of every table: the last value, the mean of the window.

#include "longwave/models/targets.h"

namespace longwave {
namespace {

struct NoConfig {
  static const FieldTable<NoConfig>& fields() {
    static const FieldTable<NoConfig> table;
    return table;
  }
};

class LastValue final : public Forecaster {
 public:
  using Config = NoConfig;
  LastValue(const ForecastSizes& sizes, const Config&) : sizes_(sizes) {}

  ForecastOutput forward(const ForecastInput& in) override {
    const auto last = target_channels(in.x, sizes_).narrow(1, in.x.size(1) - 1, 1);
    return {last.expand({-1, sizes_.horizon, -1}).contiguous(), {}};
  }

 private:
  ForecastSizes sizes_;
};

class WindowMean final : public Forecaster {
 public:
  using Config = NoConfig;
  WindowMean(const ForecastSizes& sizes, const Config&) : sizes_(sizes) {}

  ForecastOutput forward(const ForecastInput& in) override {
    const auto mean = target_channels(in.x, sizes_).mean(1, /*keepdim=*/true);
    return {mean.expand({-1, sizes_.horizon, -1}).contiguous(), {}};
  }

 private:
  ForecastSizes sizes_;
};

const RegisterForecaster<LastValue> last_value({.name = "naive-last",
                                                .title = "Last value",
                                                .summary = "repeats the last observed value",
                                                .source = "the random walk forecast",
                                                .system_ids = {},
                                                .learns = false});

const RegisterForecaster<WindowMean> window_mean({.name = "mean",
                                                  .title = "Mean",
                                                  .summary = "repeats the mean of the observed window",
                                                  .source = "the mean forecast",
                                                  .system_ids = {},
                                                  .learns = false});

}  // namespace
}  // namespace longwave
