#include "longwave/nn/feed_forward.h"

#include <cmath>

#include "longwave/base/check.h"

namespace longwave {

Activation activation_of(const std::string& name) {
  check(name == "relu" || name == "gelu", "activation is '", name, "'; expected relu or gelu");
  return name == "relu" ? Activation::relu : Activation::gelu;
}

at::Tensor activate(const at::Tensor& x, Activation activation) {
  return activation == Activation::relu ? at::relu(x) : at::gelu(x);
}

at::Tensor feed_forward(const at::Tensor& x, const FeedForwardWeights& weights, Activation activation,
                        const Dropout& dropout, bool training) {
  const auto hidden = activate(at::linear(x, weights.in, weights.in_bias), activation);
  return at::linear(dropout(hidden, training), weights.out, weights.out_bias);
}

PointwiseConv::PointwiseConv(std::int64_t in, std::int64_t out, bool with_bias) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight = register_parameter("weight", at::empty({out, in, 1}).uniform_(-bound, bound));
  if (with_bias) bias = register_parameter("bias", at::empty({out}).uniform_(-bound, bound));
}

}  // namespace longwave
