#pragma once

#include <ATen/core/Tensor.h>

namespace longwave {

/// Which two channels of a head of width d are turned together: c and c + d/2, or 2c and 2c + 1. Weights trained with
/// one are useless with the other.
enum class RotaryPairs { half, interleaved };

/// Rotary positions (Su et al. 2021, RoFormer): turns pair c of each vector by position * base^(-2c/d). x [b, t, h, d],
/// d even; positions: int64 [t] or [b, t].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& positions, RotaryPairs pairs, double base = 10000);

}  // namespace longwave
