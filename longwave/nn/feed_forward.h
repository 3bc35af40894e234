#pragma once

#include <torch/nn/module.h>

#include <string>

#include "longwave/nn/dropout.h"
#include "longwave/ops/mlp.h"

namespace longwave {

using ops::Activation;

/// "relu" or "gelu" (the exact erf form).
Activation activation_of(const std::string& name);
at::Tensor activate(const at::Tensor& x, Activation activation);

/// The weights of a position-wise feed-forward: in [f, d], [f]; out [d, f], [d]. Undefined biases mean none.
struct FeedForwardWeights {
  at::Tensor in, in_bias, out, out_bias;
};

/// out(dropout(activation(in(x)))) over the last dimension of x [..., d]. The hidden layer is never stored.
at::Tensor feed_forward(const at::Tensor& x, const FeedForwardWeights& weights, Activation activation,
                        const Dropout& dropout, bool training);

/// A convolution of kernel 1 over time, that is a linear map of the last dimension, under the names and shapes of a
/// convolution: weight [out, in, 1], bias [out].
class PointwiseConv final : public torch::nn::Module {
 public:
  PointwiseConv(std::int64_t in, std::int64_t out, bool with_bias = true);

  at::Tensor forward(const at::Tensor& x) const { return at::linear(x, matrix(), bias); }

  /// The weight as [out, in].
  at::Tensor matrix() const { return weight.squeeze(-1); }

  at::Tensor weight, bias;
};

}  // namespace longwave
