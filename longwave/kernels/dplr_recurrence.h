#pragma once

#include <cstdint>

namespace longwave::kernels {

/// The recurrence of a diagonal-plus-low-rank state space (S4) of every channel, over n states in conjugate pairs of
/// which one half is stored:
///   s_j = 2 Re(q_j . h[t-1]),   h[t] = (1 + g) h[t-1] + b x[t] - sum_j s_j p_j,   y_m[t] = 2 Re(c_m . h[t])
/// with r ranks j and m outputs of a channel. g is given instead of 1 + g, which would lose the digits of poles near
/// one. Complex numbers are two planes, real then imaginary: g, b [2, n, d];
/// p, q [r, 2, n, d]; c [m, 2, n, d]; states [rows, 2, n, d]; x [rows, t, d]; y [rows, t, m, d]. A row ends at its
/// length; y beyond is zero.
template <class T>
struct DplrRecurrence {
  const T *x, *g, *b, *p, *q, *c;
  const T* before;              // the states before the first step
  const std::int64_t* lengths;  // [rows] or null
  T *y, *behind;                // behind: the states after the last step of each row
  std::int64_t rows, t, d, n, r, m;
  bool g_shared, b_shared;  // by all channels: [2, n, 1]

  std::int64_t length(std::int64_t row) const { return lengths ? lengths[row] : t; }
  std::int64_t plane() const { return n * d; }
};

/// Best instruction set of the machine, same bits for any number of threads.
void dplr_recurrence(const DplrRecurrence<float>& s);

/// The definition: scalar.
template <class T>
void dplr_recurrence_reference(const DplrRecurrence<T>& s);

}  // namespace longwave::kernels
