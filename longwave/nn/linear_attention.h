#pragma once

#include <ATen/core/Tensor.h>

namespace longwave {

/// elu(x) + 1, the feature map of the Linear Transformer.
at::Tensor elu_features(const at::Tensor& x);

/// Normalised linear attention: o_i = sum_j (q_i . k_j) v_j / (sum_j q_i . k_j + eps), over all j, or over j <= i.
/// q [b, t, h, k], k [b, s, h, k]: features, zero at padded keys; v [b, s, h, v]. Returns [b, t, h, v].
at::Tensor linear_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double eps);

/// The causal form, for t = s. `state` [b, h, k, v + 1] (the last column sums the keys) may be undefined; it is
/// replaced by the one behind the last step.
at::Tensor causal_linear_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double eps,
                                   at::Tensor& state);

}  // namespace longwave
