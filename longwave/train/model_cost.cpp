#include "longwave/train/model_cost.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "longwave/models/backbone.h"
#include "longwave/models/flops.h"

namespace longwave {
namespace {

/// Steps and number of some training samples, spread evenly over the split, in the order of their steps.
std::vector<std::pair<std::int64_t, std::int64_t>> some_samples(const Task& task) {
  constexpr std::int64_t kSome = 256;
  const auto n = task.samples(Split::train), count = std::min(n, kSome);
  std::vector<std::pair<std::int64_t, std::int64_t>> samples;
  Batch batch;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto index = i * n / count;
    task.gather(Split::train, {index}, batch);
    samples.push_back({batch.steps, index});
  }
  std::sort(samples.begin(), samples.end());
  return samples;
}

double state_bytes(Backbone& backbone, std::int64_t steps) {
  auto state = backbone.initial_state(1);
  backbone.forward(at::zeros({1, steps, backbone.config().d_model}), {}, &state);
  double bytes = 0;
  for (const auto& [name, tensor] : state) bytes += static_cast<double>(tensor.numel() * tensor.element_size());
  return bytes;
}

}  // namespace

Json sequence_cost(Module& module, const Task& task) {
  const at::NoGradGuard no_grad;
  const bool was_training = module.is_training();
  module.eval();
  const auto samples = some_samples(task);
  Batch batch;
  task.gather(Split::train, {samples[samples.size() / 2].second}, batch);
  const auto count = count_flops([&] { task.loss(module, batch); });
  Json cost = {{"flops", count.flops}, {"steps", batch.steps}, {"not_counted", count.unknown}};
  if (auto* model = dynamic_cast<SequenceModel*>(&module); model && model->backbone().properties().streams) {
    const auto longest = model->backbone().config().l_max;  // of the set
    cost["state_steps"] = longest > 0 ? longest : samples.back().first;
    cost["state_bytes"] = state_bytes(model->backbone(), cost["state_steps"].get<std::int64_t>());
  }
  module.train(was_training);
  return cost;
}

double training_flops(const Json& cost, double tokens) {
  return 3 * cost.at("flops").get<double>() * tokens / std::max(1.0, cost.at("steps").get<double>());
}

}  // namespace longwave
