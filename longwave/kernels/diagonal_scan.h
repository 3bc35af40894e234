#pragma once

#include <cstdint>

namespace longwave::kernels {

/// h[t] = pole * h[t-1] + u[t] with complex poles that stay the same over time, per row and state: the recurrence of S5
/// and LRU. Complex numbers are two planes, real then imaginary: pole [2, n], sequences [b, t, 2, n], states [b, 2, n].
/// A row ends at its length; h beyond is zero. With `reverse` time runs backwards, from the last step of each row.
template <class T>
struct DiagonalScan {
  const T* pole;
  const T* u;
  const T* h_init;              // state before the first step (of those that run), or null for zeros
  const std::int64_t* lengths;  // [b] or null
  std::int64_t b, t, n;
  bool reverse;

  std::int64_t length(std::int64_t row) const { return lengths ? lengths[row] : t; }
};

/// Gradients for those of h and h_last. All are written.
template <class T>
struct DiagonalScanGrad {
  const T* h;  // what the forward scan wrote
  const T* dh;
  const T* dh_last;
  T* du;
  T* dpole;
  T* dh_init;
  T* workspace;  // b * 2 * n numbers
};

/// Best instruction set of the machine, same bits for any number of threads.
void diagonal_scan(const DiagonalScan<float>& s, float* h, float* h_last);
void diagonal_scan_grad(const DiagonalScan<float>& s, const DiagonalScanGrad<float>& g);

/// The definition: scalar.
template <class T>
void diagonal_scan_reference(const DiagonalScan<T>& s, T* h, T* h_last);
template <class T>
void diagonal_scan_grad_reference(const DiagonalScan<T>& s, const DiagonalScanGrad<T>& g);

}  // namespace longwave::kernels
