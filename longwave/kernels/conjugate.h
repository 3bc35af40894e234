#pragma once

#include <complex>

namespace longwave::kernels {

/// The conjugate of a number that may be real, of which it is the number itself: for definitions of either.
template <class T>
T conjugate(T x) {
  return x;
}
template <class T>
std::complex<T> conjugate(std::complex<T> x) {
  return std::conj(x);
}

}  // namespace longwave::kernels
