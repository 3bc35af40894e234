#pragma once

#include <torch/nn/modules/linear.h>

#include <string>
#include <vector>

#include "longwave/nn/module.h"

namespace longwave {

/// What S5 and LRU put behind the state space, inside its residual (Smith et al. 2023, program lindermanlab/S5):
/// none; gelu: gelu(y); full_glu: W1 x * sigmoid(W2 x), half_glu1: x * sigmoid(W2 x) and half_glu2: y * sigmoid(W2 x),
/// all with x = gelu(y). gelu is the tanh approximation. Maps with bias: out1 (W1), out2 (W2), [d, d].
class OutputGate final {
 public:
  static const std::vector<std::string>& kinds();

  /// Registers the maps that `kind` needs with `owner`.
  OutputGate(Module& owner, const std::string& kind, std::int64_t d);

  /// y [.., d] -> [.., d]. Of full_glu the result is not zero where y is.
  at::Tensor operator()(const at::Tensor& y);

 private:
  std::string kind_;
  torch::nn::Linear out1_{nullptr}, out2_{nullptr};
};

}  // namespace longwave
