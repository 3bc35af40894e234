#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>

namespace longwave::ops {

/// Which two channels of a head of width d are turned together: c and c + d/2, or 2c and 2c + 1. Weights trained with
/// one are useless with the other.
enum class RotaryPairs { half, interleaved };

/// Rotary positions (Su et al. 2021, RoFormer): turns pair c of each vector at position p by the angle p ratio^c.
/// x [b, t, h, d], float or double, d even; first: int64 [b], position of a row's first step, not negative, or
/// undefined for 0. Angles are in double, since those of far positions have no digits left in float.
at::Tensor rotary(const at::Tensor& x, double ratio, RotaryPairs pairs, const at::Tensor& first = {});

/// The ratio for the angles p base^(-2c/d) of the paper.
inline double rotary_ratio(std::int64_t d, double base) { return std::pow(base, -2.0 / static_cast<double>(d)); }

}  // namespace longwave::ops
