#pragma once

#include <cstdint>

namespace longwave::kernels {

/// y = (a + bias of a) sigma(b + bias of b), a and b the halves of each row of x.
struct GatedLinearUnit {
  const float* x;     // [rows, 2 d]
  const float* bias;  // [2 d], or null
  std::int64_t rows, d;
};

/// y [rows, d]
void gated_linear_unit(const GatedLinearUnit& g, float* y);

/// Gradients dx [rows, 2 d] and, where there is a bias, dbias [2 d], for dy [rows, d]. `workspace`:
/// gated_linear_unit_grad_workspace floats; dbias is summed in parts that the shape alone fixes.
std::int64_t gated_linear_unit_grad_workspace(const GatedLinearUnit& g);
void gated_linear_unit_grad(const GatedLinearUnit& g, const float* dy, float* dx, float* dbias, float* workspace);

/// The definition: scalar, in double.
void gated_linear_unit_reference(const GatedLinearUnit& g, float* y);
void gated_linear_unit_grad_reference(const GatedLinearUnit& g, const float* dy, float* dx, float* dbias);

}  // namespace longwave::kernels
