#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>

#include "longwave/kernels/recurrent.h"

namespace longwave::ops {

using kernels::Cell;

struct RecurrentOptions {
  Cell cell = Cell::lstm;
  bool reverse = false;  // from the last step to the first; each row begins at its own last step
  /// Bound of the gradient that flows back through R, number by number; 0 cuts that path.
  double clip = std::numeric_limits<double>::infinity();
};

struct RecurrentOutput {
  at::Tensor y;     // [b, t, heads, p]: h of every step, zero at padded ones
  at::Tensor last;  // [b, states, heads, p] after each row's last step
  at::Tensor
      memory;  // [b, t, states - 1, heads, p]: the other states of every step, without gradient; empty unless kept
};

/// A recurrent layer over whole sequences (see kernels/recurrent.h for the cells and their gates). wx: W x of every
/// step [b, t, gates, heads, p]; r: recurrent matrix of each head, [heads, p, gates, p]; bias [biases, heads, p]; state
/// [b, states, heads, p] before the first step; lengths: int64 [b] or undefined. One step is t = 1. Differentiable once
/// in wx, r, bias and state; keeps the gates of every step for that, unless nothing needs a gradient and `keep` is
/// false. float runs the fused kernel, double its definition.
RecurrentOutput recurrent(const at::Tensor& wx, const at::Tensor& r, const at::Tensor& bias, const at::Tensor& state,
                          const at::Tensor& lengths, const RecurrentOptions& options, bool keep = false);

}  // namespace longwave::ops
