#pragma once

#include <memory>

#include "longwave/data/forecast_data.h"
#include "longwave/models/forecaster.h"
#include "longwave/tasks/task.h"

namespace longwave {

struct ForecastTaskOptions {
  bool with_calendar = false;  // batches also carry x_mark, y_mark and x_dec
  bool extra_losses = true;    // the model's own losses count in training
};

/// Forecasting of windows [l, c] -> [p, ct] in scaled units. Batches hold x, y and, with calendar, x_mark, y_mark and
/// x_dec (see ForecastInput). Loss: mean squared error plus the model's extra losses. Scores "mse" and "mae": plain
/// means over all windows, steps and channels. Where the data come from is up to the derived class.
class ForecastTask : public Task {
 public:
  ForecastTask(const ForecastSizes& sizes, const ForecastTaskOptions& options) : sizes_(sizes), options_(options) {}

  const ForecastSizes& sizes() const { return sizes_; }

  void gather(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const override;

  /// Random channel dropping (Lu et al. 2024, arXiv 2403.01673): with r uniform on [0, 1), every channel is zeroed in
  /// input and target with probability 1 - r, the calendar features likewise.
  void augment(Batch& batch, RandomStream& random) const override;

  Loss loss(Module& model, const Batch& batch) const override;
  Scores evaluate(Module& model, Split split, const EvaluateOptions& options) const override;
  Selection selection() const override { return {.score = "mse"}; }

 protected:
  /// Where one window goes, row-major: x [l, c], y [p, ct], x_mark [l, f], y_mark [label + p, f]; the last two are null
  /// without calendar.
  struct Window {
    float *x, *y, *x_mark, *y_mark;
  };
  virtual void copy_window(Split split, std::int64_t index, const Window& window) const = 0;

 private:
  ForecastSizes sizes_;
  ForecastTaskOptions options_;
};

/// The forecaster that `module` is; UserError if it is none.
Forecaster& as_forecaster(Module& module);

/// The input that a batch of a ForecastTask stands for.
ForecastInput forecast_input(const Batch& batch);

/// The sizes of a data set for a model. `label` < 0: the whole lookback.
ForecastSizes forecast_sizes(const ForecastData& data, std::int64_t label);

Json sizes_json(const ForecastSizes& sizes);
/// Throws Json::exception where a size is missing.
ForecastSizes forecast_sizes(const Json& json);

/// Windows of a data set.
std::shared_ptr<const ForecastTask> make_forecast_task(std::shared_ptr<const ForecastData> data,
                                                       const ForecastSizes& sizes, const ForecastTaskOptions& options);

}  // namespace longwave
