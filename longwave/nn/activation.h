#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace longwave {

/// Names that `activate` knows.
const std::vector<std::string>& activation_names();

/// The function of that name, elementwise: none (also identity, id, linear), gelu (exact; also gelu(erf)), gelu_tanh,
/// silu (also swish), relu, elu, sqrelu, tanh, sigmoid, softplus, sin. UserError for another name.
at::Tensor activate(const std::string& name, const at::Tensor& x);

/// x Phi(x), exact. Not at::gelu itself, whose gradient in libtorch 1.13 (oneDNN) is garbage where the incoming
/// gradient is not contiguous.
at::Tensor exact_gelu(const at::Tensor& x);

/// The same names, and glu.
const std::vector<std::string>& gated_activation_names();

/// `activate`, or for glu ops::gated_linear_unit, which halves the last axis.
at::Tensor activate_or_gate(const std::string& name, const at::Tensor& x);

/// activate_or_gate of weight x + bias, where x is first given to the function `before`: x [..., in], weight [out, in],
/// bias [out] or undefined; with glu [..., out / 2]. Zeros where `valid` [..., 1], if defined, is false. Long inputs of
/// a gate run ops::gated_map. UserError for another name.
at::Tensor map_and_activate(const std::string& name, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const std::string& before, const at::Tensor& valid);

}  // namespace longwave
