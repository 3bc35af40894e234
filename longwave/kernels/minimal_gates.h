#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Gates and inputs of the recurrences of minGRU and minLSTM, h[t] = keep[t] h[t-1] + input[t] (Feng et al. 2024), from
/// the maps of x, which lie side by side: minGRU [c, z], minLSTM [c, f, i].
///   minGRU:  keep = 1 - sigma(z),   minLSTM: keep = sigma(f) / (sigma(f) + sigma(i));   input = (1 - keep) g(c)
/// with g(c) = c + 1/2 for c >= 0, else sigma(c).
struct MinimalGates {
  const float* maps;  // [rows, (lstm ? 3 : 2) width]
  const bool* valid;  // [rows]: where false keep is 1 and input 0; or null
  std::int64_t rows, width;
  bool lstm;
};

/// keep and input: [rows, width].
void minimal_gates(const MinimalGates& m, float* keep, float* input);

/// Gradient of the maps for those of keep and input.
void minimal_gates_grad(const MinimalGates& m, const float* dkeep, const float* dinput, float* dmaps);

/// The definition: scalar, in double.
void minimal_gates_reference(const MinimalGates& m, float* keep, float* input);
void minimal_gates_grad_reference(const MinimalGates& m, const float* dkeep, const float* dinput, float* dmaps);

}  // namespace longwave::kernels
