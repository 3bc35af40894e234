#include "longwave/train/optimizer.h"

#include <tuple>

#include <ATen/core/grad_mode.h>

#include "longwave/base/check.h"
#include "longwave/ops/adamw.h"

namespace longwave {
namespace {

at::Tensor real_view(const at::Tensor& x) { return x.is_complex() ? at::view_as_real(x) : x; }

}  // namespace

AdamW::AdamW(const Module& module, const Options& options, const std::map<std::string, Treatment>& special)
    : options_(options) {
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const auto zeros = at::zeros_like(real_view(item.value().detach()), at::MemoryFormat::Contiguous);
    const auto found = special.find(item.key());
    const auto treatment = found == special.end() ? Treatment{1, options.weight_decay} : found->second;
    slots_.push_back({item.key(), item.value(), zeros, zeros.clone(), treatment, 0});
  }
}

void AdamW::zero_grad() {
  for (auto& slot : slots_) slot.parameter.mutable_grad().reset();
}

double AdamW::gradient_norm() const {
  std::vector<at::Tensor> grads;
  for (const auto& slot : slots_)
    if (const auto& grad = slot.parameter.grad(); grad.defined()) grads.push_back(real_view(grad));
  return ops::grad_norm(grads);
}

std::string AdamW::first_bad_gradient() const {
  for (const auto& slot : slots_)
    if (const auto& grad = slot.parameter.grad(); grad.defined() && !at::isfinite(grad).all().item<bool>())
      return slot.name;
  return "";
}

void AdamW::step(double learning_rate, double beta1, double gradient_scale) {
  std::map<std::tuple<std::int64_t, double, double>, Group> groups;  // mostly one
  const at::NoGradGuard no_grad;
  for (auto& slot : slots_) {
    const auto& gradient = slot.parameter.grad();
    if (!gradient.defined()) continue;
    auto& group = groups[{++slot.steps, slot.treatment.rate_scale, slot.treatment.weight_decay}];
    group.parameters.push_back(real_view(slot.parameter));
    group.gradients.push_back(real_view(gradient));
    group.means.push_back(slot.mean);
    group.squares.push_back(slot.square);
  }
  for (const auto& [key, group] : groups) {
    const auto [steps, rate_scale, weight_decay] = key;
    ops::adamw_step(group.parameters, group.gradients, group.means, group.squares,
                    {.lr = learning_rate * rate_scale,
                     .beta1 = beta1,
                     .beta2 = options_.beta2,
                     .eps = options_.epsilon,
                     .weight_decay = weight_decay,
                     .step = steps,
                     .grad_scale = gradient_scale});
  }
}

TensorMap AdamW::state() const {
  TensorMap state;
  for (const auto& slot : slots_) {
    state["m." + slot.name] = slot.mean;
    state["v." + slot.name] = slot.square;
  }
  return state;
}

Json AdamW::steps() const {
  Json steps = Json::object();
  for (const auto& slot : slots_) steps[slot.name] = slot.steps;
  return steps;
}

void AdamW::load(const TensorMap& state, const Json& steps, const std::string& where) {
  for (const auto& [name, tensor] : this->state()) {
    const auto found = state.find(name);
    check(found != state.end() && found->second.sizes() == tensor.sizes(), where, ": optimiser state ", name,
          " is missing or of another shape; this checkpoint is from another model");
    tensor.copy_(found->second);
  }
  for (auto& slot : slots_) slot.steps = steps.at(slot.name).get<std::int64_t>();
}

}  // namespace longwave
