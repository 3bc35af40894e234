#pragma once

#include <cstdint>

namespace longwave::kernels {

/// The shift system of every channel (H3): its state moves up by one a step, s'[j] = s[j - 1] + b[j] x, and
/// y = sum of c[j] s'[j] + skip x. x, y [rows, t, d]; b, c [d, n]; skip [d]; states [rows, d, n]. A row ends at its
/// length; y beyond is zero.
struct ShiftSteps {
  const float *x, *b, *c, *skip, *before;
  const std::int64_t* lengths;  // [rows] or null
  float *y, *behind;            // behind: the states after the last step of each row
  std::int64_t rows, t, d, n;

  std::int64_t length(std::int64_t row) const { return lengths ? lengths[row] : t; }
};

/// Best instruction set of the machine, same bits for any number of threads.
void shift_steps(const ShiftSteps& s);

/// The definition: scalar, in double.
void shift_steps_reference(const ShiftSteps& s);

}  // namespace longwave::kernels
