#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// Arguments of selective_scan; b, t, d: rows, steps, channels, n: states of a channel, g: groups of channels.
struct SelectiveScanInputs {
  at::Tensor u;           // [b, t, d]
  at::Tensor delta;       // [b, t, d]
  at::Tensor A;           // [d, n], negative where the state is to decay; real or complex
  at::Tensor B, C;        // [b, t, n] or [b, t, g, n], g divides d; like A
  at::Tensor D;           // [d] or undefined
  at::Tensor z;           // [b, t, d] or undefined
  at::Tensor delta_bias;  // [d] or undefined
  bool delta_softplus = true;
  at::Tensor state;    // [b, d, n] before the first step, like A, or undefined for zeros
  at::Tensor lengths;  // [b] int64, or undefined if all rows are full
};

struct SelectiveScanResult {
  at::Tensor y;      // [b, t, d], zero beyond a row's length
  at::Tensor state;  // [b, d, n] behind the last step of each row
};

/// The selective scan of Mamba (S6):
///   s = softplus(delta + delta_bias), or delta + delta_bias
///   h[t] = exp(s[t] A) h[t-1] + s[t] B[t] u[t];   y[t] = (C[t] . h[t] + D u[t]) * SiLU(z[t])
/// With complex A, B, C and state each state stands for a conjugate pair: y[t] = (2 Re(C[t] . h[t]) + D u[t]) *
/// SiLU(z[t]). float or double; differentiable once in every tensor. Nothing of size b t d n is stored: the backward
/// pass recomputes the states from one in 16. Sequences with contiguous last axes (slices of joint projections) need no
/// copy.
SelectiveScanResult selective_scan(const SelectiveScanInputs& in);

}  // namespace longwave::ops
