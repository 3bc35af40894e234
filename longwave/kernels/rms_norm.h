#pragma once

#include <cstdint>

namespace longwave::kernels {

/// y = x / sqrt(mean(x^2) + eps) * w over each of the `groups` blocks of `width` numbers of a row.
struct RmsNorm {
  const float* x;  // [rows, groups, width]
  const float* w;  // [groups, width]
  std::int64_t rows, groups, width;
  float eps;
};

void rms_norm(const RmsNorm& r, float* y);

/// Gradients for dy. `workspace`: rms_norm_grad_workspace floats; dw is summed in parts that the shape alone fixes.
std::int64_t rms_norm_grad_workspace(const RmsNorm& r);
void rms_norm_grad(const RmsNorm& r, const float* dy, float* dx, float* dw, float* workspace);

/// The definition: scalar, in double.
void rms_norm_reference(const RmsNorm& r, float* y);
void rms_norm_grad_reference(const RmsNorm& r, const float* dy, float* dx, float* dw);

}  // namespace longwave::kernels
