// Linear: one linear map over time shared by all channels, y = W x + b.
// "Are Transformers Effective for Time Series Forecasting?" (Zeng et al. 2023), section 4.

#include <torch/nn/modules/linear.h>

#include "longwave/models/forecaster.h"

namespace longwave {
namespace {

class Linear final : public Forecaster {
 public:
  struct Config {
    bool individual = false;
    static const FieldTable<Config>& fields();
  };

  Linear(const ForecastSizes& sizes, const Config&) {
    linear_ = register_module("Linear", torch::nn::Linear(sizes.lookback, sizes.horizon));
  }

  ForecastOutput forward(const ForecastInput& in) override {
    return {linear_->forward(in.x.transpose(1, 2)).transpose(1, 2), {}};
  }

 private:
  torch::nn::Linear linear_{nullptr};
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
