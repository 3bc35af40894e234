#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace longwave::ops {

/// {keep, input} [b, t, d] of h[t] = keep[t] h[t-1] + input[t] as minGRU or minLSTM has them (Feng et al. 2024; see
/// kernels/minimal_gates.h) from maps [b, t, 2 d] or [b, t, 3 d]. `valid` [b, t, 1] (bool) or undefined: where false
/// the state is kept. float runs the fused kernel (differentiable once), double is composed of ATen operators.
std::pair<at::Tensor, at::Tensor> minimal_gates(const at::Tensor& maps, const at::Tensor& valid, bool lstm);

}  // namespace longwave::ops
