#include "longwave/nn/time_decay.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/ops/linear_scan.h"
#include "longwave/ops/steps.h"

namespace longwave {

using at::Tensor;

TimeDecay::TimeDecay(std::int64_t d, const TimeDecayOptions& options)
    : d_(d), hidden_(options.hidden), compat_(options.compat) {
  const auto norm = [&](std::int64_t width) {
    return std::make_shared<Weights>(at::ones({width}), options.bias ? at::zeros({width}) : Tensor());
  };
  const auto linear = [&](const char* name) {
    return register_module(name, torch::nn::Linear(torch::nn::LinearOptions(d, hidden_).bias(options.bias)));
  };
  if (options.norm_first) norm_ = register_module("norm", norm(d));
  in_ = linear("in_f");
  x_ = linear("x_f");
  shortcut_ = linear("shortcut");
  out_ = register_parameter("out_proj", at::zeros({hidden_, options.out}));
  out_norm_ = register_module("ln", norm(hidden_));
}

Tensor TimeDecay::forward(const Tensor& x, const Tensor& valid, TensorMap* state, const std::string& name) {
  const auto padded = [&](const Tensor& y) { return valid.defined() ? ops::fill_steps(y, valid, 0) : y; };
  const auto normed = norm_ ? at::layer_norm(x, {d_}, norm_->weight, norm_->bias) : x;
  const auto positive = at::softplus(shortcut_->forward(normed)) + 1e-8;
  const auto gate = positive * std::sqrt(static_cast<double>(hidden_)) / at::sqrt((positive * positive).sum(-1, true));
  const auto a = padded(-at::softplus(in_->forward(normed))), input = padded(x_->forward(normed));
  Tensor y;
  if (compat_) {
    const auto before = state ? state->at(name + "_log") : at::zeros({x.size(0), 1, hidden_}, x.options());
    const auto log_decay = before + a.cumsum(1), decay = at::exp(log_decay);
    auto sum = (input / (decay + 1e-12)).cumsum(1);
    if (state) {
      sum = sum + state->at(name + "_y");
      state->at(name + "_y") = sum.narrow(1, sum.size(1) - 1, 1).clone();
      state->at(name + "_log") = log_decay.narrow(1, sum.size(1) - 1, 1).clone();
    }
    y = sum * decay;
  } else {
    y = ops::linear_scan(at::exp(a), input, state ? state->at(name + "_y") : Tensor());
    if (state) state->at(name + "_y") = y.select(1, -1).clone();
  }
  return at::matmul(gate * at::layer_norm(y, {hidden_}, out_norm_->weight, out_norm_->bias), out_);
}

void TimeDecay::add_initial_state(std::int64_t b, TensorMap& state, const std::string& name) const {
  const auto options = out_.options().requires_grad(false);
  state[name + "_y"] = compat_ ? at::zeros({b, 1, hidden_}, options) : at::zeros({b, hidden_}, options);
  if (compat_) state[name + "_log"] = at::zeros({b, 1, hidden_}, options);
}

}  // namespace longwave
