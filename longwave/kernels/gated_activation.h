#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Functions of a hidden layer or its gate; gelu is the exact form with erf.
enum class HiddenFunction : std::int64_t { gelu, relu, silu, sigmoid, identity };

/// y = f(x + bias) * up, number by number; bias and up may be null.
struct GatedActivation {
  const float* x;     // [rows, width], rows `stride` floats apart
  const float* bias;  // [width]
  const float* up;    // [rows, width]
  std::int64_t rows, width, stride;
  HiddenFunction function;
};

void gated_activation(const GatedActivation& g, float* y);

/// Gradients for dy; dbias and dup where there are such. `workspace`: gated_activation_grad_workspace floats; dbias is
/// summed in parts that the shape alone fixes.
std::int64_t gated_activation_grad_workspace(const GatedActivation& g);
void gated_activation_grad(const GatedActivation& g, const float* dy, float* dx, float* dbias, float* dup,
                           float* workspace);

/// The definition: scalar, in double.
void gated_activation_reference(const GatedActivation& g, float* y);
void gated_activation_grad_reference(const GatedActivation& g, const float* dy, float* dx, float* dbias, float* dup);

}  // namespace longwave::kernels
