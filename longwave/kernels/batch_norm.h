#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Batch norm by the statistics of the rows themselves, of those that count:
///   y = weight (x - mean) / sqrt(variance + eps) + bias; the other rows of y are zero.
struct BatchNorm {
  const float* x;              // [rows, d]
  const bool* counts;          // [rows]; null: all count
  const float *weight, *bias;  // [d]
  std::int64_t rows, counted;  // counted: rows that count, at least 1
  std::int64_t d;
  float eps;
};

/// Floats of the workspace of both functions: sums over rows are taken in parts that the shape alone fixes.
std::int64_t batch_norm_workspace(const BatchNorm& n);

/// y [rows, d]; mean and variance (biased) [d].
void batch_norm(const BatchNorm& n, float* y, float* mean, float* variance, float* workspace);

/// dx [rows, d], dweight and dbias [d] for dy [rows, d], with the statistics that batch_norm gave.
void batch_norm_grad(const BatchNorm& n, const float* mean, const float* variance, const float* dy, float* dx,
                     float* dweight, float* dbias, float* workspace);

/// The definition: scalar, in double.
void batch_norm_reference(const BatchNorm& n, float* y, float* mean, float* variance);
void batch_norm_grad_reference(const BatchNorm& n, const float* mean, const float* variance, const float* dy, float* dx,
                               float* dweight, float* dbias);

}  // namespace longwave::kernels
