#pragma once

#include "longwave/nn/module.h"

namespace longwave {

/// Depthwise causal convolution along time with a carried state; weights are named and shaped as torch's Conv1d has
/// them: weight [d, 1, taps], bias [d], both drawn uniformly from +-1 / sqrt(taps).
class ShortConvolution final : public Module {
 public:
  ShortConvolution(std::int64_t d, std::int64_t taps, bool bias, bool silu);

  /// x [b, t, d] -> [b, t, d]. With `state` [b, taps, d], continues from it and leaves the last inputs of each row,
  /// which ends at its length if `lengths` [b] is defined.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& lengths = {}, at::Tensor* state = nullptr);

  /// Zeros: no inputs yet.
  at::Tensor initial_state(std::int64_t b) const;

 private:
  bool silu_;
  at::Tensor weight_, bias_;
};

}  // namespace longwave
