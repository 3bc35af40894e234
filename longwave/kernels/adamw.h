#pragma once

#include <cstdint>
#include <span>

namespace longwave::kernels {

/// One parameter tensor of an AdamW step, flat.
struct AdamWPart {
  float* parameter;
  const float* gradient;
  float* average;         // of the gradient
  float* average_square;  // of its square
  std::int64_t n;
};

/// Scalars of the step, the same for every parameter. With g the gradient times `gradient_scale`:
///   w *= decay;  m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2;  w -= rate m / (sqrt(v) * inverse_root +
///   eps)
struct AdamWScalars {
  float decay;  // 1 - lr * weight_decay
  float beta1, beta2;
  float rate;          // lr / (1 - beta1^step)
  float inverse_root;  // 1 / sqrt(1 - beta2^step)
  float eps;
  float gradient_scale;
};

/// One pass over all parts together.
void adamw(std::span<const AdamWPart> parts, const AdamWScalars& s);

/// Sum of the squares of all gradients in double, in fixed blocks: same bits for any number of threads. Reads nothing
/// else of the parts.
double sum_of_squares(std::span<const AdamWPart> parts);

/// The definition: scalar, in double.
void adamw_reference(std::span<const AdamWPart> parts, const AdamWScalars& s);
double sum_of_squares_reference(std::span<const AdamWPart> parts);

}  // namespace longwave::kernels
