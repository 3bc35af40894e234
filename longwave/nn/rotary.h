#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace longwave {

/// Which two channels of a head of width d are turned together: c and c + d/2, or 2c and 2c + 1. Weights trained with
/// one are useless with the other.
enum class RotaryPairs { half, interleaved };

/// Cosines and sines of the angles position * base^(-2c/d), [(b,) t, 1, d / 2].
struct RotaryAngles {
  at::Tensor cosine, sine;
};

/// positions: int64 [t] or [b, t]; d: width of a head, even; type: of what is to be turned.
RotaryAngles rotary_angles(const at::Tensor& positions, std::int64_t d, at::ScalarType type, double base = 10000);

/// Rotary positions (Su et al. 2021, RoFormer): turns pair c of each vector by its angle. x [b, t, h, d].
at::Tensor rotate(const at::Tensor& x, const RotaryAngles& angles, RotaryPairs pairs);

}  // namespace longwave
