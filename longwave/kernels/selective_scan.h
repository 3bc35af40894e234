#pragma once

#include <cstdint>

#include "longwave/kernels/steps.h"

namespace longwave::kernels {

/// The selective scan of Mamba (S6), for every channel d with n states of its own:
///   step = softplus(delta + delta_bias), or without softplus
///   h[t] = exp(step a) h[t-1] + step B[t] u[t];   y[t] = (sum_n C[t] h[t] + skip u[t]) * SiLU(z[t])
/// B and C belong to groups of d / groups channels. A row ends at its length; its outputs beyond are zero.
/// Channels are innermost everywhere, so that lanes are channels.
/// With `complex`, a, B, C and states are complex and stand for conjugate pairs: y[t] = 2 Re sum_n C[t] h[t] + .. Real
/// and imaginary numbers are planes: planes() = 2 n of them, the real ones first, take the place of n below.
template <class T>
struct SelectiveScan {
  Steps<const T> u, delta, z;   // [b, t, d]; z.data may be null: no gate
  Steps<const T> b_in, c_out;   // [b, t, groups, planes]
  const T* a;                   // [planes, d]
  const T* skip;                // [d] or null
  const T* delta_bias;          // [d] or null
  const T* h_init;              // [b, planes, d] or null for zeros
  const std::int64_t* lengths;  // [b] or null
  std::int64_t b, t, d, n, groups;
  bool softplus;
  bool complex = false;

  std::int64_t planes() const { return complex ? 2 * n : n; }
};

/// Steps between the states that the forward pass leaves for the backward pass.
constexpr std::int64_t kSelectiveScanChunk = 16;
inline std::int64_t selective_scan_chunks(std::int64_t t) {
  return (t + kSelectiveScanChunk - 1) / kSelectiveScanChunk;
}

template <class T>
struct SelectiveScanOut {
  T* y;           // [b, t, d]
  T* h_last;      // [b, planes, d]: the state behind the last step of each row
  T* boundaries;  // [b, chunks, planes, d]: states before the first step of each chunk; or null
};

/// Gradients for those of y and h_last. All are written.
template <class T>
struct SelectiveScanGrad {
  const T* dy;          // [b, t, d]
  const T* dh_last;     // [b, planes, d] or null
  const T* boundaries;  // as the forward pass left them
  T *du, *ddelta, *dz;  // [b, t, d]; dz null without z
  T *db, *dc;           // [b, t, groups, planes]
  T* da;                // [planes, d]
  T *dskip, *dbias;     // [d]
  T* dh_init;           // [b, planes, d]
  T* workspace;         // selective_scan_grad_workspace numbers
};
std::int64_t selective_scan_grad_workspace(const SelectiveScan<float>& s);

/// Best instruction set of the machine, same bits for any number of threads.
void selective_scan(const SelectiveScan<float>& s, const SelectiveScanOut<float>& out);
void selective_scan_grad(const SelectiveScan<float>& s, const SelectiveScanGrad<float>& g);

/// The definition: scalar; ignores boundaries and workspace.
template <class T>
void selective_scan_reference(const SelectiveScan<T>& s, const SelectiveScanOut<T>& out);
template <class T>
void selective_scan_grad_reference(const SelectiveScan<T>& s, const SelectiveScanGrad<T>& g);

}  // namespace longwave::kernels
