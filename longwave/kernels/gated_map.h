#pragma once

#include <cstdint>

namespace longwave::kernels {

/// y = (A n + a) sigma(B n + b) with n = x, or its exact GELU: a linear map and its gate (Dauphin et al. 2017) in
/// tiles. Row major: x [rows, d_in], weight [2 d_out, d_in], which is A above B, bias [2 d_out] or null.
struct GatedMap {
  const float* x;
  const float* weight;
  const float* bias;
  std::int64_t rows, d_in, d_out;
  bool gelu = false;
  const bool* valid = nullptr;  // [rows] or null: the outputs of other rows are zero, their x finite
  /// weight n, [rows, 2 d_out]: the forward pass writes it unless it is null, the backward pass reads it.
  float* product = nullptr;

  bool is_valid(std::int64_t row) const { return !valid || valid[row]; }
};

/// Gradients for dy [rows, d_out]; all are written. dbias null without a bias.
struct GatedMapGrad {
  const float* dy;
  float* dx;
  float* dweight;
  float* dbias;
};

/// Floats of scratch memory that the calls need with the present number of threads.
std::int64_t gated_map_workspace(const GatedMap& m);
std::int64_t gated_map_grad_workspace(const GatedMap& m);

/// Rows are cut in tiles, and the sums over rows in parts, by the shape alone: same bits for any number of threads.
void gated_map(const GatedMap& m, float* y, float* workspace);
void gated_map_grad(const GatedMap& m, const GatedMapGrad& g, float* workspace);

/// The definition: scalar, in double. The gradient reads no `product`.
void gated_map_reference(const GatedMap& m, float* y);
void gated_map_grad_reference(const GatedMap& m, const GatedMapGrad& g);

}  // namespace longwave::kernels
