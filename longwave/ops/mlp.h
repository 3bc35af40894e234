#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "longwave/kernels/mlp.h"

namespace longwave::ops {

using kernels::Activation;
using kernels::DropoutPlace;

struct MlpOptions {
  Activation activation = Activation::gelu;
  DropoutPlace place = DropoutPlace::after_activation;
  double p = 0;  // dropout of the hidden layer, with its key (see ops/dropout.h)
  std::int64_t key = 0;
  double output_p = 0;  // dropout of the output, before the residual
  std::int64_t output_key = 0;
  bool residual = false;  // adds x to the result
  double eps = 1e-5;      // of the norm
};

/// y = [x +] dropout(w2 dropout(act(w1 n + b1)) + b2), where n is x, or rms_norm(x, norm_weight, eps) if norm_weight is
/// defined. x: [..., d_in], w1: [d_hidden, d_in], b1: [d_hidden], w2: [d_out, d_hidden], b2: [d_out], norm_weight:
/// [d_in]; the biases may be undefined. Returns [..., d_out]. No mask is stored, and of the hidden layer nothing where
/// d_in < 128: backward computes it again from x, tile by tile. For longer rows w1 n is kept for backward. float runs
/// the fused kernel (differentiable once), double is composed of ATen operators.
at::Tensor mlp(const at::Tensor& x, const at::Tensor& norm_weight, const at::Tensor& w1, const at::Tensor& b1,
               const at::Tensor& w2, const at::Tensor& b2, const MlpOptions& options);

/// The plain form: no norm, no residual, dropout in the hidden layer only.
at::Tensor mlp(const at::Tensor& x, const at::Tensor& w1, const at::Tensor& b1, const at::Tensor& w2,
               const at::Tensor& b2, Activation activation, DropoutPlace place, double p, std::int64_t key);

/// x + dropout(w2 gelu(w1 rms_norm(x, norm_weight) + b1) + b2): the position-wise half of a pre-norm block.
at::Tensor residual_mlp(const at::Tensor& x, const at::Tensor& norm_weight, const at::Tensor& w1, const at::Tensor& b1,
                        const at::Tensor& w2, const at::Tensor& b2, double p, std::int64_t key);

}  // namespace longwave::ops
