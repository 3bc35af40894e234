#include "longwave/tasks/synthetic_var.h"

#include <algorithm>

#include "longwave/base/check.h"
#include "longwave/data/synthetic_var.h"

namespace longwave {
namespace {

class SyntheticVarTask final : public ForecastTask {
 public:
  SyntheticVarTask(std::uint64_t seed, std::int64_t train_series, std::int64_t val_series, const ForecastSizes& sizes,
                   const ForecastTaskOptions& options)
      : ForecastTask(sizes, options),
        train_(make_synthetic_var_train(seed, train_series)),
        val_(make_synthetic_var_val(seed, val_series)) {}

  std::int64_t samples(Split split) const override {
    return split == Split::train ? train_.count : split == Split::val ? val_.count : 0;
  }

 protected:
  void copy_window(Split split, std::int64_t index, const Window& window) const override {
    const auto& set = split == Split::train ? train_ : val_;
    const auto& s = sizes();
    const auto* end = set.series.data() + (index + 1) * set.steps * set.channels;
    const auto* target = end - s.horizon * set.channels;
    std::copy(target, end, window.y);
    std::copy(target - s.lookback * set.channels, target, window.x);
    if (!window.x_mark) return;  // generated steps have no calendar
    std::fill_n(window.x_mark, s.lookback * s.time_features, 0.0f);
    std::fill_n(window.y_mark, (s.label + s.horizon) * s.time_features, 0.0f);
  }

 private:
  SyntheticVarSet train_, val_;
};

}  // namespace

ForecastSizes synthetic_var_sizes(std::int64_t lookback, std::int64_t label) {
  const auto& family = kSyntheticVarTrain;
  check(lookback < family.steps, "task.lookback is ", lookback, "; expected at most ", family.steps - 1,
        ", the observed steps of a generated series");
  check(label <= lookback, "task.label is ", label, "; expected at most task.lookback = ", lookback);
  return {.lookback = lookback,
          .horizon = 1,
          .channels = family.channels,
          .targets = family.channels,
          .label = label < 0 ? lookback : label,
          .time_features = 4};
}

std::shared_ptr<const ForecastTask> make_synthetic_var_task(std::uint64_t seed, std::int64_t train_series,
                                                            std::int64_t val_series, const ForecastSizes& sizes,
                                                            const ForecastTaskOptions& options) {
  return std::make_shared<SyntheticVarTask>(seed, train_series, val_series, sizes, options);
}

}  // namespace longwave
