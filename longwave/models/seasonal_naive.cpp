// Seasonal naive: repeats the last observed period.

#include "longwave/models/seasonality.h"
#include "longwave/models/targets.h"

namespace longwave {
namespace {

class SeasonalNaive final : public Forecaster {
 public:
  struct Config {
    std::int64_t period = 0;
    static const FieldTable<Config>& fields();
  };

  SeasonalNaive(const ForecastSizes& sizes, const Config& config) : sizes_(sizes), config_(config) {
    check(config.period <= sizes.lookback, "model.period is ", config.period, "; expected at most the lookback, ",
          sizes.lookback, " steps");
  }

  ForecastOutput forward(const ForecastInput& in) override {
    const auto x = target_channels(in.x, sizes_);
    const auto b = x.size(0), c = x.size(2);
    const auto period = config_.period > 0 ? at::full({b, 1, c}, config_.period, at::kLong)
                                           : detect_period(x.detach()).unsqueeze(1);  // [b, 1, c]
    const auto ahead = at::arange(sizes_.horizon, at::kLong).view({1, -1, 1});
    const auto index = sizes_.lookback - period + ahead.remainder(period);  // [b, p, c]
    return {x.gather(1, index), {}};
  }

 private:
  ForecastSizes sizes_;
  Config config_;
};

const FieldTable<SeasonalNaive::Config>& SeasonalNaive::Config::fields() {
  static const auto table = FieldTable<Config>().add(
      "period", &Config::period,
      "steps that are repeated; 0: the period of each series in each window, found by autocorrelation (1 where none is "
      "significant, which repeats the last value)",
      at_least<std::int64_t>(0));
  return table;
}

const RegisterForecaster<SeasonalNaive> registered({.name = "seasonal-naive",
                                                    .title = "Seasonal naive",
                                                    .summary = "repeats the last observed period",
                                                    .source = "the seasonal random walk forecast",
                                                    .system_ids = {},
                                                    .learns = false});

}  // namespace
}  // namespace longwave
