#include "longwave/train/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "longwave/base/check.h"

namespace longwave {
namespace {

at::Tensor real_view(const at::Tensor& x) { return x.is_complex() ? at::view_as_real(x) : x; }

}  // namespace

AdamW::AdamW(const Module& module, const Options& options) : options_(options) {
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const auto zeros = at::zeros_like(real_view(item.value().detach()), at::MemoryFormat::Contiguous);
    slots_.push_back({item.key(), item.value(), zeros, zeros.clone(), 0});
  }
}

void AdamW::zero_grad() {
  for (auto& slot : slots_) slot.parameter.mutable_grad().reset();
}

double AdamW::gradient_norm() const {
  double sum = 0;
  for (const auto& slot : slots_)
    if (const auto& grad = slot.parameter.grad(); grad.defined()) {
      const auto norm = at::norm(real_view(grad)).item<double>();
      sum += norm * norm;
    }
  return std::sqrt(sum);
}

std::string AdamW::first_bad_gradient() const {
  for (const auto& slot : slots_)
    if (const auto& grad = slot.parameter.grad(); grad.defined() && !at::isfinite(grad).all().item<bool>())
      return slot.name;
  return "";
}

void AdamW::step(double learning_rate, double beta1, double gradient_scale) {
  const at::NoGradGuard no_grad;
  for (auto& slot : slots_) {
    if (!slot.parameter.grad().defined()) continue;
    auto parameter = real_view(slot.parameter);
    const auto grad = real_view(slot.parameter.grad()) * gradient_scale;
    ++slot.steps;
    const double correction1 = 1 - std::pow(beta1, static_cast<double>(slot.steps));
    const double correction2 = 1 - std::pow(options_.beta2, static_cast<double>(slot.steps));
    parameter.mul_(1 - learning_rate * options_.weight_decay);
    slot.mean.mul_(beta1).add_(grad, 1 - beta1);
    slot.square.mul_(options_.beta2).addcmul_(grad, grad, 1 - options_.beta2);
    const auto root = slot.square.sqrt().div_(std::sqrt(correction2)).add_(options_.epsilon);
    parameter.addcdiv_(slot.mean, root, -learning_rate / correction1);
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
