#pragma once

#include <cstdint>

namespace longwave::kernels {

/// A batch of sequences of per-head vectors [n, t, h, e]; the vectors of one step are contiguous.
template <class T>
struct Sequences {
  T* data;
  std::int64_t row_stride, step_stride;
  T* at(std::int64_t row, std::int64_t step) const { return data + row * row_stride + step * step_stride; }
};

/// out_t = sum over i <= t of (z_t . x_i) y_i, for every row and head; with `reverse` over i >= t.
/// Causal linear attention without normaliser is x = k, y = v, z = q. Its gradients are products of the same kind:
/// dq: x = v, y = k, z = do;  dk: x = do, y = q, z = v, reverse;  dv: x = q, y = do, z = k, reverse.
/// Meant for heads of a few numbers, whose state fits in registers (SAMoVAR has 8 or 16); gated_linear_attention.h,
/// which pads them to 16 and works on chunks of 64 steps, is the engine for wider ones, decays and states that are
/// carried on.
struct CausalProduct {
  Sequences<const float> x, y, z;
  Sequences<float> out;
  std::int64_t n, t, h, e;
  bool reverse = false;
};

/// Floats of scratch memory that a call needs with the present number of threads.
std::int64_t causal_product_workspace(const CausalProduct& p);

void causal_product(const CausalProduct& p, float* workspace);

/// The definition: scalar, in double.
void causal_product_reference(const CausalProduct& p);

}  // namespace longwave::kernels
