#pragma once

#include <cstdint>

#include "longwave/kernels/gated_linear_attention.h"

namespace longwave::kernels {

/// RWKV-4's weighted average, for every row and channel:
///   y_t = (sum over i < t of e^{-(t-1-i) w + k_i} v_i + e^{u + k_t} v_t) / (the same without v)
/// as a recurrence of sums (a, b) that are scaled by e^{-p}, p the largest exponent so far.
template <class T>
struct Wkv4 {
  const T *w, *u;               // [c]; decay w (below 0: growth), bonus of the present step u
  const T *k, *v;               // [rows, t, c]
  const std::int64_t* lengths;  // [rows] true lengths, 0 .. t; null: all t
  const T* initial;             // [rows, 3, c]: (a, b, p)
  std::int64_t rows, t, c;
};

template <class T>
struct Wkv4Out {
  T* y;            // [rows, t, c]
  T* final_state;  // [rows, 3, c]
  T* states;       // [rows, states_kept(t), 3, c]: before step 0, kStateSpacing, ...; null: not wanted
};

template <class T>
struct Wkv4Grad {
  const T *dy, *d_final;   // [rows, t, c], [rows, 3, c]; d_final null: zeros
  const T* states;         // as the forward pass left them
  T *dw, *du;              // [rows, c], to be summed over rows
  T *dk, *dv, *d_initial;  // [rows, t, c], [rows, t, c], [rows, 3, c]
};

void wkv4(const Wkv4<float>& p, const Wkv4Out<float>& out);
void wkv4_grad(const Wkv4<float>& p, const Wkv4Grad<float>& grad);

template <class T>
void wkv4_reference(const Wkv4<T>& p, const Wkv4Out<T>& out);
template <class T>
void wkv4_grad_reference(const Wkv4<T>& p, const Wkv4Grad<T>& grad);

}  // namespace longwave::kernels
