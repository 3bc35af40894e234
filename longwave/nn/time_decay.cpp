#include "longwave/nn/time_decay.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/ops/linear_scan.h"

namespace longwave {

using at::Tensor;

TimeDecay::TimeDecay(std::int64_t d, std::int64_t hidden, std::int64_t out, bool compat)
    : d_(d), hidden_(hidden), compat_(compat) {
  norm_ = register_module("norm", std::make_shared<Weights>(at::ones({d}), at::zeros({d})));
  in_ = register_module("in_f", torch::nn::Linear(d, hidden));
  x_ = register_module("x_f", torch::nn::Linear(d, hidden));
  shortcut_ = register_module("shortcut", torch::nn::Linear(d, hidden));
  out_ = register_parameter("out_proj", at::zeros({hidden, out}));
  out_norm_ = register_module("ln", std::make_shared<Weights>(at::ones({hidden}), at::zeros({hidden})));
}

Tensor TimeDecay::forward(const Tensor& x, const Tensor& valid, TensorMap* state, const std::string& name) {
  const auto padded = [&](const Tensor& y) {
    return valid.defined() ? at::where(valid, y, at::zeros({}, y.options())) : y;
  };
  const auto normed = at::layer_norm(x, {d_}, norm_->weight, norm_->bias);
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
      state->at(name + "_y") = sum.narrow(1, sum.size(1) - 1, 1);
      state->at(name + "_log") = log_decay.narrow(1, sum.size(1) - 1, 1);
    }
    y = sum * decay;
  } else {
    y = ops::linear_scan(at::exp(a), input, state ? state->at(name + "_y") : Tensor());
    if (state) state->at(name + "_y") = y.select(1, -1);
  }
  return at::matmul(gate * at::layer_norm(y, {hidden_}, out_norm_->weight, out_norm_->bias), out_);
}

void TimeDecay::add_initial_state(std::int64_t b, TensorMap& state, const std::string& name) const {
  const auto options = out_.options().requires_grad(false);
  state[name + "_y"] = compat_ ? at::zeros({b, 1, hidden_}, options) : at::zeros({b, hidden_}, options);
  if (compat_) state[name + "_log"] = at::zeros({b, 1, hidden_}, options);
}

}  // namespace longwave
