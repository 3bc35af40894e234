#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Rotary positions (Su et al. 2021): pair c of every vector at position p is turned by the angle p ratio^c.
struct Rotary {
  std::int64_t b, t, h, d;      // of x [b, t, h, d]; d is even
  double ratio;                 // of the angles of neighbouring pairs
  const std::int64_t* offsets;  // [b]: position of a row's first step, not negative; null: 0
  bool half;                    // a pair is channels c and c + d/2; else 2c and 2c + 1
  bool backwards;               // by the negative angle: the gradient of the other direction
};

/// y [b, t, h, d] from x; in place is not allowed. A step's result depends on its position alone, to the bit.
void rotary(const Rotary& r, const float* x, float* y);

/// The definition, for float and double: scalar, angles in double.
template <class T>
void rotary_reference(const Rotary& r, const T* x, T* y);

}  // namespace longwave::kernels
