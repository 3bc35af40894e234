#pragma once

#include <cstdint>

namespace longwave::kernels {

/// y = (s - mean(s)) / sqrt(variance(s) + eps) * weight + bias over rows of s = x + residual; without `centered`,
/// y = s / sqrt(mean(s^2) + eps) * weight + bias.
struct LayerNorm {
  const float* x;         // [rows, width]
  const float* residual;  // like x, or null
  const float* weight;    // [width]
  const float* bias;      // [width], or null
  std::int64_t rows, width;
  float eps;
  bool centered;
};

/// `sum`: s, where there is a residual; else null.
void layer_norm(const LayerNorm& n, float* y, float* sum);

/// Gradients for dy and, if not null, dsum; n.x is s and n.residual is not read. ds is that of x and residual alike.
/// `workspace`: layer_norm_grad_workspace floats; dweight and dbias (may be null) are summed in parts that the shape
/// alone fixes.
std::int64_t layer_norm_grad_workspace(const LayerNorm& n);
void layer_norm_grad(const LayerNorm& n, const float* dy, const float* dsum, float* ds, float* dweight, float* dbias,
                     float* workspace);

/// The definition: scalar, in double.
void layer_norm_reference(const LayerNorm& n, float* y, float* sum);
void layer_norm_grad_reference(const LayerNorm& n, const float* dy, const float* dsum, float* ds, float* dweight,
                               float* dbias);

}  // namespace longwave::kernels
