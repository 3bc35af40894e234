// Drift: continues the straight line from the first to the last observation, its slope scaled by a learnt factor.

#include "longwave/models/forecaster.h"

namespace longwave {
namespace {

class Drift final : public Forecaster {
 public:
  struct Config {
    double start = 1;
    static const FieldTable<Config>& fields();
  };

  Drift(const ForecastSizes& sizes, const Config& config) : sizes_(sizes) {
    factor_ = register_parameter("factor", at::full({1}, config.start));
  }

  ForecastOutput forward(const ForecastInput& in) override {
    const auto x = in.x.narrow(2, sizes_.channels - sizes_.targets, sizes_.targets);  // the targets are the last ones
    const auto first = x.narrow(1, 0, 1), last = x.narrow(1, sizes_.lookback - 1, 1);
    const auto steps = at::arange(1, sizes_.horizon + 1, x.options()).unsqueeze(-1);  // [p, 1]
    const auto slope = (last - first) / static_cast<double>(std::max<std::int64_t>(1, sizes_.lookback - 1));
    return {last + factor_ * slope * steps, {}};  // [b, p, ct]
  }

 private:
  ForecastSizes sizes_;
  at::Tensor factor_;
};

const FieldTable<Drift::Config>& Drift::Config::fields() {
  static const auto table = FieldTable<Config>().add("start", &Config::start, "initial factor of the slope");
  return table;
}

const RegisterForecaster<Drift> registered({.name = "drift",
                                            .title = "Drift",
                                            .summary = "the line through the first and the last observation",
                                            .source = "an example",
                                            .system_ids = {"drift"}});

}  // namespace
}  // namespace longwave
