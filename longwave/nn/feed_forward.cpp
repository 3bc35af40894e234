#include "longwave/nn/feed_forward.h"

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/nn/activation.h"

namespace longwave {

Activation activation_of(const std::string& name) {
  check(name == "relu" || name == "gelu", "activation is '", name, "'; expected relu or gelu");
  return name == "relu" ? Activation::relu : Activation::gelu;
}

at::Tensor activate(const at::Tensor& x, Activation activation) {
  return activation == Activation::relu ? at::relu(x) : exact_gelu(x);
}

at::Tensor feed_forward(const at::Tensor& x, const FeedForwardWeights& weights, Activation activation,
                        const Dropout& dropout, bool training) {
  const bool drops = training && dropout.p > 0;
  const auto key = drops ? static_cast<std::int64_t>(dropout.stream->next()) : 0;
  return ops::mlp(x, weights.in, weights.in_bias, weights.out, weights.out_bias, activation,
                  ops::DropoutPlace::after_activation, drops ? dropout.p : 0, key);
}

PointwiseConv::PointwiseConv(std::int64_t in, std::int64_t out, bool with_bias) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight = register_parameter("weight", at::empty({out, in, 1}).uniform_(-bound, bound));
  if (with_bias) bias = register_parameter("bias", at::empty({out}).uniform_(-bound, bound));
}

}  // namespace longwave
