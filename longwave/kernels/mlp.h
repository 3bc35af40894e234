#pragma once

#include <cstdint>

#include "longwave/kernels/activation.h"
#include "longwave/kernels/dropout.h"

namespace longwave::kernels {

enum class DropoutPlace { after_activation, before_activation };

/// y = [x +] drop_out(w2 drop(act(w1 n + b1)) + b2) with n = x, or the RMS norm of x where `norm_weight` is given.
/// Row major: x [rows, d_in], w1 [d_hidden, d_in], w2 [d_out, d_hidden]. Element (row, j) of the hidden layer has
/// dropout index row * d_hidden + j, of the output row * d_out + j. The hidden layer exists in tiles only, unless
/// `product` is given.
struct Mlp {
  const float* x;
  const float* norm_weight;  // [d_in] or null
  const float* w1;
  const float* b1;
  const float* w2;
  const float* b2;
  std::int64_t rows, d_in, d_hidden, d_out;
  Activation activation = Activation::gelu;
  DropoutPlace place = DropoutPlace::after_activation;
  DropoutMask hidden_dropout, output_dropout;
  float eps = 1e-5f;      // of the norm
  bool residual = false;  // needs d_in == d_out
  /// Null, or rows * d_hidden floats for w1 n, tile by tile: the forward pass writes it, the backward pass reads it
  /// instead of computing it again.
  float* product = nullptr;
};

/// Gradients of all inputs for the gradient dy [rows, d_out] of y. The hidden tiles are computed again, from `product`
/// if given.
struct MlpGrad {
  const float* dy;
  float* dx;
  float* dnorm_weight;  // or null
  float* dw1;
  float* db1;
  float* dw2;
  float* db2;
};

/// Floats of scratch memory that the calls need with the present number of threads.
std::int64_t mlp_workspace(const Mlp& m);
std::int64_t mlp_grad_workspace(const Mlp& m);

/// Rows are cut in tiles, and the sums over rows in parts, by the shape alone: same bits for any number of threads.
void mlp(const Mlp& m, float* y, float* workspace);
void mlp_grad(const Mlp& m, const MlpGrad& g, float* workspace);

/// The definition: scalar, in double. `product` is neither written nor read.
void mlp_reference(const Mlp& m, float* y);
void mlp_grad_reference(const Mlp& m, const MlpGrad& g);

}  // namespace longwave::kernels
