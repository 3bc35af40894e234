#pragma once

#include <cstdint>

namespace longwave::kernels {

/// A sequence [b, t, ...] whose last axes are contiguous, by the strides of its rows and steps.
template <class T>
struct Steps {
  T* data = nullptr;
  std::int64_t row_stride = 0, step_stride = 0;
  T* at(std::int64_t row, std::int64_t step) const { return data + row * row_stride + step * step_stride; }
};

/// The selective scan of Mamba (S6), for every channel d with n states of its own:
///   step = softplus(delta + delta_bias), or without softplus
///   h[t] = exp(step a) h[t-1] + step B[t] u[t];   y[t] = (sum_n C[t] h[t] + skip u[t]) * SiLU(z[t])
/// B and C belong to groups of d / groups channels. A row ends at its length; its outputs beyond are zero.
/// Channels are innermost everywhere, so that lanes are channels.
template <class T>
struct SelectiveScan {
  Steps<const T> u, delta, z;   // [b, t, d]; z.data may be null: no gate
  Steps<const T> b_in, c_out;   // [b, t, groups, n]
  const T* a;                   // [n, d]
  const T* skip;                // [d] or null
  const T* delta_bias;          // [d] or null
  const T* h_init;              // [b, n, d] or null for zeros
  const std::int64_t* lengths;  // [b] or null
  std::int64_t b, t, d, n, groups;
  bool softplus;
};

/// Steps between the states that the forward pass leaves for the backward pass.
constexpr std::int64_t kSelectiveScanChunk = 16;
inline std::int64_t selective_scan_chunks(std::int64_t t) {
  return (t + kSelectiveScanChunk - 1) / kSelectiveScanChunk;
}

template <class T>
struct SelectiveScanOut {
  T* y;           // [b, t, d]
  T* h_last;      // [b, n, d]: the state behind the last step of each row
  T* boundaries;  // [b, chunks, n, d]: states before the first step of each chunk; or null
};

/// Gradients for those of y and h_last. All are written.
template <class T>
struct SelectiveScanGrad {
  const T* dy;          // [b, t, d]
  const T* dh_last;     // [b, n, d] or null
  const T* boundaries;  // as the forward pass left them
  T *du, *ddelta, *dz;  // [b, t, d]; dz null without z
  T *db, *dc;           // [b, t, groups, n]
  T* da;                // [n, d]
  T *dskip, *dbias;     // [d]
  T* dh_init;           // [b, n, d]
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
