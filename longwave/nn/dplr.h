#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "longwave/ops/dplr_recurrence.h"

namespace longwave {

/// Diagonal-plus-low-rank state-space model of every feature, continuous: A = diag(lambda) - P P*, over states in
/// conjugate pairs of which one half is stored; discretised by the bilinear rule (Gu et al. 2021, S4).
struct Dplr {
  at::Tensor dt;      // [h, 1], or [h, n / 2]: a step size of every state, row i of (A, B) times dt_i
  at::Tensor lambda;  // [h, n / 2] complex
  at::Tensor p;       // [r, h, n / 2]
  at::Tensor b;       // [h, n / 2]
  /// [c, h, n / 2]: the output vector C (I - dA^length), where dA is the discrete A; for length 0, C itself.
  at::Tensor c;
  std::int64_t length = 0;
};

/// The discrete system over all n states, the stored half first: a [h, n, n], b [h, n], complex128.
struct DenseSystem {
  at::Tensor a, b;
};
DenseSystem dense_system(const Dplr& ssm);

/// C (I + sign dA^length) for c [c, h, n / 2], in its precision.
at::Tensor times_power(const at::Tensor& c, const DenseSystem& system, std::int64_t length, double sign);

/// C of a model that stores C (I - dA^length): [c, h, n] complex128, all states.
at::Tensor output_vector(const Dplr& ssm, const DenseSystem& system);

/// Convolution kernels for an impulse at each input, [1 + b, c, h, t]: first that of the input vector, then what each
/// of the states [b, h, n / 2], if any, contributes by itself.
at::Tensor dplr_kernels(const Dplr& ssm, std::int64_t t, const at::Tensor& states = {});

/// State [b, h, n / 2] after the steps u [b, t, h] (zero at padded steps, which `lengths` tells) from state x, in
/// O(t n) work: inside blocks by the powers of dA on its input vector, between them by a reduction tree.
at::Tensor dplr_state_after(const Dplr& ssm, const at::Tensor& u, const at::Tensor& lengths, const at::Tensor& x);

/// One step of the recurrence with all that does not depend on the state worked out before:
/// x' = x + g x + b u - sum over r of p 2 Re <q, x>,  y = 2 Re <c, x'>. Complex, over the stored half.
struct DplrStep {
  at::Tensor g, b;  // [h, n / 2]
  at::Tensor p, q;  // [r, h, n / 2]
  at::Tensor c;     // [c, h, n / 2]: the half of output_vector
};
DplrStep dplr_step(const Dplr& ssm, const at::Tensor& c);

/// The recurrence in O(n) work a step: y [b, t, c h]; x [b, h, n / 2] is left behind each row's last step.
at::Tensor dplr_steps(const DplrStep& step, const at::Tensor& u, const at::Tensor& lengths, at::Tensor& x);

/// The same by one operator, which has no gradient: what it takes, and what it gives. `state` [b, h, n / 2, 2] is left
/// behind each row's last step; skip [c, h] times u, if it is defined, is part of y.
ops::DplrCoefficients fused_coefficients(const DplrStep& step);
at::Tensor fused_steps(const ops::DplrCoefficients& step, const at::Tensor& u, const at::Tensor& lengths,
                       at::Tensor& state, const at::Tensor& skip);

}  // namespace longwave
