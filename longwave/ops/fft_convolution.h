#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace longwave::ops {

/// Long convolution of every feature with its own kernels: y[t, (c, h)] = sum over s of k[c, h, origin + t - s] u[s,
/// h], where k is zero outside. u [b, t, h], k [c, h, l]; k[.., origin] weighs the present step, earlier entries weigh
/// later steps (origin 0: causal). Returns [b, t, c h], c outer. By FFT: O(t log t) work, memory linear in t. Float or
/// double.
at::Tensor fft_convolution(const at::Tensor& u, const at::Tensor& k, std::int64_t origin = 0);

/// What a layer adds to its causal kernel, and what its input and output are multiplied by. All may be undefined.
struct ConvolutionParts {
  at::Tensor skip = {};      // [c, h]: weight of the present step, added to the kernel's
  at::Tensor reverse = {};   // [c, h, l]: kernel that weighs later steps
  std::int64_t lag = 1;      // reverse[j] weighs step t + lag + j: 1 in the S4 family, 0 in Mega
  at::Tensor gate_in = {};   // [b, t, h]
  at::Tensor gate_out = {};  // [b, t, c h]
};

/// The causal half of the kernels k [2 c, h, l] of both directions, which come first; the other half goes to
/// `parts.reverse`. Without `bidirectional` all of k is causal.
at::Tensor causal_kernels(const at::Tensor& k, bool bidirectional, ConvolutionParts& parts);

/// y[t] = gate_out[t] (sum over s <= t of k[t - s] x[s] + sum over s >= t + lag of reverse[s - t - lag] x[s] + skip
/// x[t]), x = gate_in u. The gates cost no pass over memory of their own.
at::Tensor fft_convolution(const at::Tensor& u, const at::Tensor& k, const ConvolutionParts& parts);

}  // namespace longwave::ops
