// NLinear: Linear on the window less its last value, which is added back to the forecast.
// "Are Transformers Effective for Time Series Forecasting?" (Zeng et al. 2023), section 4.

#include "longwave/models/targets.h"
#include "longwave/models/time_linear.h"

namespace longwave {
namespace {

class NLinear final : public Forecaster {
 public:
  struct Config {
    bool individual = false;
    static const FieldTable<Config>& fields();
  };

  NLinear(const ForecastSizes& sizes, const Config& config) : sizes_(sizes) {
    const TimeLinear::Sizes map{sizes.lookback, sizes.horizon, sizes.channels};
    linear_ = register_module("Linear", std::make_shared<TimeLinear>(map, config.individual));
  }

  ForecastOutput forward(const ForecastInput& in) override {
    const auto last = in.x.narrow(1, sizes_.lookback - 1, 1).detach();
    return {target_channels(linear_->forward(in.x - last) + last, sizes_), {}};
  }

 private:
  ForecastSizes sizes_;
  std::shared_ptr<TimeLinear> linear_;
};

const FieldTable<NLinear::Config>& NLinear::Config::fields() {
  static const auto table =
      FieldTable<Config>().add("individual", &Config::individual, "one map for each channel instead of a shared one");
  return table;
}

const RegisterForecaster<NLinear> registered({.name = "nlinear",
                                              .title = "NLinear",
                                              .summary = "linear map over time of the window less its last value",
                                              .source = "Zeng et al. 2023, arXiv 2205.13504, section 4",
                                              .system_ids = {"nlinear"}});

}  // namespace
}  // namespace longwave
