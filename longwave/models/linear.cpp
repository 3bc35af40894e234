// Linear: one linear map over time, y = W x + b.
// "Are Transformers Effective for Time Series Forecasting?" (Zeng et al. 2023), section 4.

#include "longwave/models/targets.h"
#include "longwave/models/time_linear.h"

namespace longwave {
namespace {

class Linear final : public Forecaster {
 public:
  struct Config {
    bool individual = false;
    static const FieldTable<Config>& fields();
  };

  Linear(const ForecastSizes& sizes, const Config& config) : sizes_(sizes) {
    const TimeLinear::Sizes map{sizes.lookback, sizes.horizon, sizes.channels};
    linear_ = register_module("Linear", std::make_shared<TimeLinear>(map, config.individual));
  }

  ForecastOutput forward(const ForecastInput& in) override {
    return {target_channels(linear_->forward(in.x), sizes_), {}};
  }

 private:
  ForecastSizes sizes_;
  std::shared_ptr<TimeLinear> linear_;
};

const FieldTable<Linear::Config>& Linear::Config::fields() {
  static const auto table =
      FieldTable<Config>().add("individual", &Config::individual, "one map for each channel instead of a shared one");
  return table;
}

const RegisterForecaster<Linear> registered({.name = "linear",
                                             .title = "Linear",
                                             .summary = "one linear map over time, shared by all channels",
                                             .source = "Zeng et al. 2023, arXiv 2205.13504, section 4",
                                             .system_ids = {"linear"}});

}  // namespace
}  // namespace longwave
