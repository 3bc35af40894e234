#include "longwave/nn/linear_attention.h"

#include <ATen/ATen.h>

#include "longwave/ops/gated_linear_attention.h"

namespace longwave {

using at::Tensor;

/// elu(x) + 1, which below 0 is e^x: added up literally it would cancel.
Tensor elu_features(const Tensor& x) { return at::where(x > 0, x + 1, at::exp(x.clamp_max(0))); }

Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, double eps) {
  const auto sums = at::matmul(k.permute({0, 2, 3, 1}), v.transpose(1, 2));  // [b, h, k, v]
  const auto total = k.sum(1);                                               // [b, h, k]
  const auto read = at::matmul(q.transpose(1, 2), sums).transpose(1, 2);     // [b, t, h, v]
  return read / ((q * total.unsqueeze(1)).sum(-1, true) + eps);
}

Tensor causal_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, double eps, Tensor& state) {
  const auto ones = at::ones({v.size(0), v.size(1), v.size(2), 1}, v.options());
  const auto r = ops::gated_linear_attention(q, k, at::cat({v, ones}, -1), {}, {}, state);
  state = r.final_state;
  return r.o.narrow(-1, 0, v.size(3)) / (r.o.narrow(-1, v.size(3), 1) + eps);
}

}  // namespace longwave
