#pragma once

#include "longwave/ops/rotary.h"

namespace longwave {

/// Positions as two reference programs have them, for their fixtures: tables of frequencies for one pairing of
/// channels, but channels turned by the other. No rotation: lengths and inner products of positions do not stay.
class MixedRotary {
 public:
  /// For heads of e channels at the places [b or 1, t]; `turned` are the pairs that are turned. Tables are computed in
  /// float32, as there.
  MixedRotary(const at::Tensor& places, std::int64_t e, double base, ops::RotaryPairs turned);

  /// x [b, t, h, e].
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  ops::RotaryPairs turned_;
  at::Tensor angle_;  // [b or 1, t, 1, e]
};

}  // namespace longwave
