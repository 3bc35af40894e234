#include "longwave/tasks/forecast.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>

#include "longwave/base/check.h"
#include "longwave/base/interrupt.h"

namespace longwave {
namespace {

/// 1 where a column is kept, with probability r.
at::Tensor keep_mask(std::int64_t columns, double r, RandomStream& random) {
  auto mask = at::empty({columns}, at::kFloat);
  auto* out = mask.data_ptr<float>();
  std::generate(out, out + columns, [&] { return random.uniform() < r ? 1.0f : 0.0f; });
  return mask;
}

class SeriesForecastTask final : public ForecastTask {
 public:
  SeriesForecastTask(std::shared_ptr<const ForecastData> data, const ForecastSizes& sizes,
                     const ForecastTaskOptions& options)
      : ForecastTask(sizes, options), data_(std::move(data)) {}

  std::int64_t samples(Split split) const override { return std::max<std::int64_t>(0, data_->windows(split)); }
  Json about() const override { return data_->sha256.empty() ? Json::object() : Json{{"content", data_->sha256}}; }

 protected:
  void copy_window(Split split, std::int64_t index, const Window& window) const override {
    const auto& part = data_->part(split);
    const auto& s = sizes();
    const auto* first = part.values.data() + index * s.channels;
    std::copy_n(first, s.lookback * s.channels, window.x);
    for (std::int64_t t = 0; t < s.horizon; ++t)
      std::copy_n(first + (s.lookback + t + 1) * s.channels - s.targets, s.targets, window.y + t * s.targets);
    if (!window.x_mark) return;
    const auto* mark = part.marks.data() + index * s.time_features;
    std::copy_n(mark, s.lookback * s.time_features, window.x_mark);
    std::copy_n(mark + (s.lookback - s.label) * s.time_features, (s.label + s.horizon) * s.time_features,
                window.y_mark);
  }

 private:
  std::shared_ptr<const ForecastData> data_;
};

}  // namespace

Forecaster& as_forecaster(Module& module) {
  auto* model = dynamic_cast<Forecaster*>(&module);
  check(model != nullptr, "this model makes no forecasts");
  return *model;
}

void ForecastTask::gather(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const {
  const auto& s = sizes_;
  batch.size = static_cast<std::int64_t>(indices.size());
  auto* x = batch.prepare("x", {s.lookback, s.channels});
  auto* y = batch.prepare("y", {s.horizon, s.targets});
  float *x_mark = nullptr, *y_mark = nullptr, *x_dec = nullptr;
  const auto decoded = s.label + s.horizon;
  if (options_.with_calendar) {
    x_mark = batch.prepare("x_mark", {s.lookback, s.time_features});
    y_mark = batch.prepare("y_mark", {decoded, s.time_features});
    x_dec = batch.prepare("x_dec", {decoded, s.channels});
  }
  for (std::int64_t b = 0; b < batch.size; ++b) {
    auto* window_x = x + b * s.lookback * s.channels;
    copy_window(split, indices[b],
                {window_x, y + b * s.horizon * s.targets, x_mark ? x_mark + b * s.lookback * s.time_features : nullptr,
                 y_mark ? y_mark + b * decoded * s.time_features : nullptr});
    if (!x_dec) continue;
    auto* dec = x_dec + b * decoded * s.channels;
    dec = std::copy_n(window_x + (s.lookback - s.label) * s.channels, s.label * s.channels, dec);
    std::fill_n(dec, s.horizon * s.channels, 0.0f);
  }
}

void ForecastTask::augment(Batch& batch, RandomStream& random) const {
  const auto r = random.uniform();
  const auto channels = keep_mask(sizes_.channels, r, random);
  batch.tensors.at("x").mul_(channels);
  batch.tensors.at("y").mul_(channels.slice(0, sizes_.channels - sizes_.targets));
  if (!options_.with_calendar) return;
  const auto features = keep_mask(sizes_.time_features, r, random);
  batch.tensors.at("x_dec").mul_(channels);
  batch.tensors.at("x_mark").mul_(features);
  batch.tensors.at("y_mark").mul_(features);
}

ForecastInput forecast_input(const Batch& batch) {
  const auto tensor = [&](const char* name) {
    const auto found = batch.tensors.find(name);
    return found == batch.tensors.end() ? at::Tensor() : found->second;
  };
  ForecastInput in;
  in.x = tensor("x");
  in.x_mark = tensor("x_mark");
  in.x_dec = tensor("x_dec");
  in.y_mark = tensor("y_mark");
  return in;
}

Loss ForecastTask::loss(Module& module, const Batch& batch) const {
  auto in = forecast_input(batch);
  in.with_losses = options_.extra_losses;
  const auto out = as_forecaster(module).forward(in);
  Loss loss{at::mse_loss(out.forecast, batch.tensors.at("y")), {}};
  loss.parts.emplace_back("mse", loss.total);
  if (!options_.extra_losses) return loss;
  for (const auto& [name, extra] : out.extra_losses) {
    loss.total = loss.total + extra;
    loss.parts.emplace_back(name, extra);
  }
  return loss;
}

Scores ForecastTask::evaluate(Module& module, Split split, const EvaluateOptions& options) const {
  const at::NoGradGuard no_grad;
  auto& model = as_forecaster(module);
  const bool was_training = model.is_training();
  model.eval();
  double squares = 0, magnitudes = 0, count = 0;
  Batch batch;
  const auto n = samples(split);
  for (std::int64_t first = 0; first < n; first += options.batch) {
    if (options.drop_last && first + options.batch > n) break;
    InterruptGuard::stop_if_requested();
    std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(options.batch, n - first)));
    std::iota(indices.begin(), indices.end(), first);
    gather(split, indices, batch);
    const auto error = model.forward(forecast_input(batch)).forecast - batch.tensors.at("y");
    squares += error.square().sum(at::kDouble).item<double>();
    magnitudes += error.abs().sum(at::kDouble).item<double>();
    count += static_cast<double>(error.numel());
  }
  model.train(was_training);
  check(count > 0, "no windows to score: the split has ", n, ", fewer than one whole batch of ", options.batch);
  return {{"mse", squares / count}, {"mae", magnitudes / count}};
}

ForecastSizes forecast_sizes(const ForecastData& data, std::int64_t label) {
  check(label <= data.lookback, "task.label is ", label, "; expected at most task.lookback = ", data.lookback);
  return {.lookback = data.lookback,
          .horizon = data.horizon,
          .channels = data.channels(),
          .targets = data.targets,
          .label = label < 0 ? data.lookback : label,
          .time_features = data.time_features};
}

Json sizes_json(const ForecastSizes& s) {
  return {{"lookback", s.lookback}, {"horizon", s.horizon}, {"channels", s.channels},
          {"targets", s.targets},   {"label", s.label},     {"time_features", s.time_features}};
}

ForecastSizes forecast_sizes(const Json& json) {
  const auto size = [&](const char* name) { return json.at(name).get<std::int64_t>(); };
  return {.lookback = size("lookback"),
          .horizon = size("horizon"),
          .channels = size("channels"),
          .targets = size("targets"),
          .label = size("label"),
          .time_features = size("time_features")};
}

std::shared_ptr<const ForecastTask> make_forecast_task(std::shared_ptr<const ForecastData> data,
                                                       const ForecastSizes& sizes, const ForecastTaskOptions& options) {
  return std::make_shared<SeriesForecastTask>(std::move(data), sizes, options);
}

}  // namespace longwave
