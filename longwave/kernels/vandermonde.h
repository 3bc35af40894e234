#pragma once

#include <cstdint>

namespace longwave::kernels {

/// k[r, h, l] = 2 Re sum over n of v[r, h, n] exp(x[h, n] l). Complex numbers as pairs (re, im); all contiguous.
/// With l = q i + j it is a product of the matrices exp(x q i) v and exp(x j) for every h: neither memory nor
/// exponentials for every pair of state and step. Exponentials are computed in double: their phases reach far.
struct Vandermonde {
  const float *v, *x;  // [r, h, n, 2], [h, n, 2]
  float* k;            // [r, h, t]
  std::int64_t r, h, n, t;
};

/// Gradients for dk [r, h, t]: dv [r, h, n, 2], dx [parts, h, n, 2], whose parts are to be added up: each comes from
/// its own rows r.
struct VandermondeGrad {
  const float *v, *x, *dk;
  float *dv, *dx;
  std::int64_t r, h, n, t, parts;
};

/// Into how many parts the rows r are split, for the sake of parallel work on few features.
std::int64_t vandermonde_parts(std::int64_t r, std::int64_t h);

/// Floats of scratch memory that a call needs with the present number of threads; 64-byte aligned.
std::int64_t vandermonde_workspace(std::int64_t n, std::int64_t t);

void vandermonde(const Vandermonde& p, float* workspace);
void vandermonde_grad(const VandermondeGrad& p, float* workspace);

/// The definition: scalar, exponential by exponential in double. The first part of dx is all of it.
void vandermonde_reference(const Vandermonde& p);
void vandermonde_grad_reference(const VandermondeGrad& p);

}  // namespace longwave::kernels
