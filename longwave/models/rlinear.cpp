// RLinear: reversible instance normalisation around one linear map over time.
// "Revisiting Long-term Time Series Forecasting: An Investigation on Linear Mapping" (Li et al. 2023).

#include "longwave/models/targets.h"
#include "longwave/models/time_linear.h"
#include "longwave/nn/revin.h"

namespace longwave {
namespace {

class RLinear final : public Forecaster {
 public:
  struct Config {
    bool affine = true;
    bool subtract_last = false;
    bool individual = false;
    static const FieldTable<Config>& fields();
  };

  RLinear(const ForecastSizes& sizes, const Config& config) : sizes_(sizes) {
    const TimeLinear::Sizes map{sizes.lookback, sizes.horizon, sizes.channels};
    linear_ = register_module("Linear", std::make_shared<TimeLinear>(map, config.individual));
    const RevIn::Options options{config.affine, config.subtract_last};
    rev_ = register_module("rev", std::make_shared<RevIn>(sizes.channels, options));
  }

  ForecastOutput forward(const ForecastInput& in) override {
    const auto [z, statistics] = rev_->normalize(in.x);
    return {target_channels(rev_->inverse(linear_->forward(z), statistics), sizes_), {}};
  }

 private:
  ForecastSizes sizes_;
  std::shared_ptr<TimeLinear> linear_;
  std::shared_ptr<RevIn> rev_;
};

const FieldTable<RLinear::Config>& RLinear::Config::fields() {
  static const auto table =
      FieldTable<Config>()
          .add("affine", &Config::affine, "learned scale and shift of each channel in the normalisation")
          .add("subtract_last", &Config::subtract_last, "subtract the last value of the window instead of its mean")
          .add("individual", &Config::individual, "one map for each channel instead of a shared one");
  return table;
}

const RegisterForecaster<RLinear> registered(
    {.name = "rlinear",
     .title = "RLinear",
     .summary = "linear map over time inside reversible instance normalisation",
     .source = "Li et al. 2023, arXiv 2305.10721",
     .system_ids = {"rlinear"}});

}  // namespace
}  // namespace longwave
