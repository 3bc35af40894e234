#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/linear.h>

#include "longwave/nn/module.h"
#include "longwave/nn/sequence_parts.h"

namespace longwave {

struct TimeDecayOptions {
  std::int64_t hidden = 64, out = 0;
  bool norm_first = true;  // sees the layer-normed input
  bool bias = true;        // of maps and norms
  bool compat = false;  // the reference's cumulative form, whose floor of 1e-12 under exp(cumsum a) cuts long memories
};

/// Time-decay conditioning of the Free Energy Mixer: a small gated recurrence over the layer-normed input,
///   y_t = exp(a_t) y_{t-1} + x_f,t,   a_t = -softplus(W_in x_t),
/// normalised, times a positive shortcut, and projected (to zeros at first).
class TimeDecay final : public Module {
 public:
  TimeDecay(std::int64_t d, const TimeDecayOptions& options);

  /// x [b, t, d], valid [b, t, 1] or undefined -> [b, t, out]. state[name + "_y"] and, if compat, state[name + "_log"].
  at::Tensor forward(const at::Tensor& x, const at::Tensor& valid, TensorMap* state, const std::string& name);
  void add_initial_state(std::int64_t b, TensorMap& state, const std::string& name) const;

 private:
  std::int64_t d_, hidden_;
  bool compat_;
  std::shared_ptr<Weights> norm_, out_norm_;
  torch::nn::Linear in_{nullptr}, x_{nullptr}, shortcut_{nullptr};
  at::Tensor out_;
};

}  // namespace longwave
