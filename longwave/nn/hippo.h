#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace longwave {

/// A HiPPO system x' = A x + B u that remembers its input in a basis of n functions (Gu et al. 2020), in float64.
/// `measure`: "legs" (scaled Legendre), "legt" (translated Legendre) or "fourier".
struct Hippo {
  at::Tensor a;         // [n, n]
  at::Tensor b;         // [n]
  at::Tensor low_rank;  // [r, n]: a + low_rank^T low_rank is normal; r is 1, for legt 2
};

/// UserError for an unknown measure, or fourier with an n that is not even.
Hippo hippo(const std::string& measure, std::int64_t n);

/// The same in the eigenbasis of its normal part: a = V diag(lambda) V* - P P*, of which one half of the conjugate
/// pairs is kept (ascending imaginary parts, all <= 0), and of an odd n not the real eigenvalue. Eigenvectors are
/// unique up to a phase each. UserError for n < 2.
struct NormalPlusLowRank {
  at::Tensor lambda;  // [n / 2] complex128; equal real parts
  at::Tensor p;       // [r, n / 2]
  at::Tensor b;       // [n / 2]
  at::Tensor v;       // [n, n / 2], columns of length one
};
NormalPlusLowRank normal_plus_low_rank(const std::string& measure, std::int64_t n);

/// Initial poles of diagonal models, [n / 2] complex128, imaginary parts <= 0: diag-lin -1/2 - i pi k; diag-inv, whose
/// frequencies fall like 1 / k; diag-legs, those of the normal part of LegS; diag-quad, growing quadratically;
/// diag-real
/// -(k + 1); diag-random, log-normal. UserError for another name.
at::Tensor diagonal_poles(const std::string& init, std::int64_t n);

/// z with the imaginary part limited to [-limit, limit], as S4 starts its input vector.
at::Tensor clip_imaginary(const at::Tensor& z, double limit);

}  // namespace longwave
