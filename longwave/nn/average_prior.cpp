#include "longwave/nn/average_prior.h"

#include <ATen/ATen.h>

#include "longwave/ops/linear_scan.h"
#include "longwave/ops/selective_scan.h"

namespace longwave {

using at::Tensor;
using torch::nn::LinearOptions;

SelectivePrior::SelectivePrior(torch::nn::Module& owner, std::int64_t d, std::int64_t channels, std::int64_t rank,
                               bool bias, bool normalised, double eps)
    : channels_(channels), rank_(rank), normalised_(normalised), eps_(eps) {
  maps_ = owner.register_module("W_p", torch::nn::Linear(LinearOptions(d, channels + 2 * rank).bias(bias)));
  a_log_ = owner.register_parameter("A_log", -at::ones({channels, rank}));
  skip_ = owner.register_parameter("D_diag", at::ones({channels}));
}

Tensor SelectivePrior::average(const Tensor& x, const Tensor& values, std::int64_t kinds, const Tensor& lengths,
                               TensorMap* state) {
  const auto b = values.size(0), t = values.size(1), h = values.size(2);
  const auto u = values.unflatten(-1, {kinds, -1}).transpose(2, 3).reshape({b, t, kinds * channels_});
  const auto maps = maps_->forward(x).split_with_sizes({channels_, rank_, rank_}, -1);
  const auto step = at::sigmoid(-maps[0]);  // exp(-softplus)
  const auto copies = kinds + (normalised_ ? 1 : 0);
  const auto [sums, last] = ops::selective_scan(
      {.u = normalised_ ? at::cat({u, at::ones({1, 1, 1}, u.options()).expand({b, t, channels_})}, -1) : u,
       .delta = step.repeat({1, 1, copies}),
       .A = -at::softplus(a_log_).repeat({copies, 1}),
       .B = at::softplus(maps[1]) + eps_,
       .C = at::softplus(maps[2]) + eps_,
       .D = (at::softplus(skip_) + eps_).repeat({copies}),
       .z = {},
       .delta_bias = {},
       .delta_softplus = false,
       .state = state ? state->at("ssm") : Tensor(),
       .lengths = lengths});
  if (state) state->at("ssm") = last;
  auto y = sums.narrow(-1, 0, kinds * channels_).unflatten(-1, {kinds, channels_});
  if (normalised_) y = y / sums.narrow(-1, kinds * channels_, channels_).clamp_min(eps_).unsqueeze(2);
  return y.unflatten(-1, {h, -1}).transpose(2, 3).flatten(3);
}

void SelectivePrior::add_initial_state(std::int64_t b, std::int64_t kinds, TensorMap& state) const {
  const auto rows = (kinds + (normalised_ ? 1 : 0)) * channels_;
  state["ssm"] = at::zeros({b, rows, rank_}, a_log_.options().requires_grad(false));
}

FadingPrior::FadingPrior(torch::nn::Module& owner, std::int64_t d, std::int64_t heads, bool bias, double eps)
    : heads_(heads), eps_(eps) {
  rate_ = owner.register_module("W_delta", torch::nn::Linear(LinearOptions(d, heads).bias(bias)));
}

Tensor FadingPrior::average(const Tensor& x, const Tensor& values, const Tensor& valid, TensorMap* state) {
  const auto b = values.size(0), t = values.size(1), e = values.size(3);
  auto rate = at::sigmoid(rate_->forward(x)).unsqueeze(-1);  // [b, t, h, 1]
  auto input = at::cat({values, at::ones({1, 1, 1, 1}, x.options()).expand({b, t, heads_, 1})}, -1);
  if (valid.defined()) {
    const auto real = valid.unsqueeze(-1);
    rate = at::where(real, rate, at::ones({}, x.options()));
    input = at::where(real, input, at::zeros({}, x.options()));
  }
  const auto scanned =
      ops::linear_scan(rate.expand(input.sizes()).flatten(2), input.flatten(2), state ? state->at("fading") : Tensor());
  if (state) state->at("fading") = scanned.select(1, -1).clone();
  const auto sums = scanned.unflatten(-1, {heads_, e + 1});
  return sums.narrow(-1, 0, e) / (sums.narrow(-1, e, 1) + eps_);
}

void FadingPrior::add_initial_state(std::int64_t b, std::int64_t e, TensorMap& state) const {
  state["fading"] = at::zeros({b, heads_ * (e + 1)}, rate_->weight.options().requires_grad(false));
}

}  // namespace longwave
