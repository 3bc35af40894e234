// DLinear: trend (moving average) and remainder of the window, each through a linear map over time, summed.
// "Are Transformers Effective for Time Series Forecasting?" (Zeng et al. 2023), section 4.

#include "longwave/models/targets.h"
#include "longwave/models/time_linear.h"
#include "longwave/nn/moving_average.h"

namespace longwave {
namespace {

class DLinear final : public Forecaster {
 public:
  struct Config {
    bool individual = false;
    std::int64_t moving_avg = 25;
    static const FieldTable<Config>& fields();
  };

  DLinear(const ForecastSizes& sizes, const Config& config) : sizes_(sizes), config_(config) {
    const TimeLinear::Sizes map{sizes.lookback, sizes.horizon, sizes.channels};
    seasonal_ = register_module("Linear_Seasonal", std::make_shared<TimeLinear>(map, config.individual));
    trend_ = register_module("Linear_Trend", std::make_shared<TimeLinear>(map, config.individual));
  }

  ForecastOutput forward(const ForecastInput& in) override {
    const auto [seasonal, trend] = decompose(in.x, config_.moving_avg);
    return {target_channels(seasonal_->forward(seasonal) + trend_->forward(trend), sizes_), {}};
  }

 private:
  ForecastSizes sizes_;
  Config config_;
  std::shared_ptr<TimeLinear> seasonal_, trend_;
};

const FieldTable<DLinear::Config>& DLinear::Config::fields() {
  static const auto table =
      FieldTable<Config>()
          .add("individual", &Config::individual, "one pair of maps for each channel instead of a shared pair")
          .add("moving_avg", &Config::moving_avg, "window of the moving average that is the trend, in steps", odd());
  return table;
}

const RegisterForecaster<DLinear> registered({.name = "dlinear",
                                              .title = "DLinear",
                                              .summary = "linear maps over time of the trend and of the remainder",
                                              .source = "Zeng et al. 2023, arXiv 2205.13504, section 4",
                                              .system_ids = {"dlinear"}});

}  // namespace
}  // namespace longwave
