#include "longwave/train/model_cost.h"

#include <ATen/ATen.h>

#include "longwave/models/backbone.h"
#include "longwave/models/flops.h"

namespace longwave {

Json sequence_cost(Module& module, const Task& task) {
  const at::NoGradGuard no_grad;
  const bool was_training = module.is_training();
  module.eval();
  Batch batch;
  task.gather(Split::train, {0}, batch);
  const auto count = count_flops([&] { task.loss(module, batch); });
  Json cost = {{"flops", count.flops}, {"steps", batch.steps}, {"not_counted", count.unknown}};
  if (auto* model = dynamic_cast<SequenceModel*>(&module); model && model->backbone().properties().streams) {
    auto& backbone = model->backbone();
    auto state = backbone.initial_state(1);
    backbone.forward(at::zeros({1, batch.steps, backbone.config().d_model}), {}, &state);
    double bytes = 0;
    for (const auto& [name, tensor] : state) bytes += static_cast<double>(tensor.numel() * tensor.element_size());
    cost["state_bytes"] = bytes;
  }
  module.train(was_training);
  return cost;
}

double training_flops(const Json& cost, double tokens) {
  return 3 * cost.at("flops").get<double>() * tokens / std::max(1.0, cost.at("steps").get<double>());
}

}  // namespace longwave
