#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

struct Wkv4Result {
  at::Tensor y;            // [b, t, c]
  at::Tensor final_state;  // [b, 3, c]: (a, b, p) behind the last step
};

/// RWKV-4's weighted average of v, per channel:
///   y_t = (sum over i < t of e^{-(t-1-i) w + k_i} v_i + e^{u + k_t} v_t) / (the same without v)
/// w, u [c], w > 0 for a decay (past steps may also gain weight); k, v [b, t, c]. State: numerator a and denominator b,
/// both scaled by e^{-p}, p the largest exponent so far; undefined `initial` starts from nothing: (0, 0, -1e38). Steps
/// at or beyond lengths [b] (int64, optional) give 0 and leave the state alone. A step is t = 1. Differentiable once.
Wkv4Result wkv4(const at::Tensor& w, const at::Tensor& u, const at::Tensor& k, const at::Tensor& v,
                const at::Tensor& initial = {}, const at::Tensor& lengths = {});

/// The state before the first step for b rows, of the type of `like`.
at::Tensor wkv4_initial_state(std::int64_t b, std::int64_t c, const at::Tensor& like);

}  // namespace longwave::ops
