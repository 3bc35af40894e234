#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/linear.h>

#include "longwave/nn/module.h"

namespace longwave {

/// The selective scan of Mamba as a prior over steps, for the Free Energy Mixer: weights of its own for every channel,
///   average_t = (sum_i w_ti v_i) / (sum_i w_ti),   w_ti = C_t . exp(sum of step A between them) step_i B_i, and D at i
///   = t
/// step = exp(-softplus(p)), B and C = softplus + eps of parts of W_p x, A = -softplus(A_log), D = softplus(D_diag) +
/// eps.
class SelectivePrior {
 public:
  /// Registers W_p, A_log and D_diag with the owner. `normalised`: divide by the sum of the weights.
  SelectivePrior(torch::nn::Module& owner, std::int64_t d, std::int64_t channels, std::int64_t rank, bool bias,
                 bool normalised, double eps);

  /// Of values [b, t, h, w e], w kinds of e numbers of each head, h e channels; x [b, t, d]. state["ssm"].
  at::Tensor average(const at::Tensor& x, const at::Tensor& values, std::int64_t kinds, const at::Tensor& lengths,
                     TensorMap* state);
  void add_initial_state(std::int64_t b, std::int64_t kinds, TensorMap& state) const;

 private:
  std::int64_t channels_, rank_;
  bool normalised_;
  double eps_;
  torch::nn::Linear maps_{nullptr};
  at::Tensor a_log_, skip_;
};

/// Averages with exponentially fading weights, one rate sigmoid(W_delta x) per head and step:
///   average_t = S_t / (N_t + eps),   S_t = rate S_{t-1} + v_t,   N_t = rate N_{t-1} + 1
class FadingPrior {
 public:
  /// Registers W_delta with the owner.
  FadingPrior(torch::nn::Module& owner, std::int64_t d, std::int64_t heads, bool bias, double eps);

  /// Of values [b, t, h, e]; valid [b, t, 1] or undefined. state["fading"].
  at::Tensor average(const at::Tensor& x, const at::Tensor& values, const at::Tensor& valid, TensorMap* state);
  void add_initial_state(std::int64_t b, std::int64_t e, TensorMap& state) const;

 private:
  std::int64_t heads_;
  double eps_;
  torch::nn::Linear rate_{nullptr};
};

}  // namespace longwave
