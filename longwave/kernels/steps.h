#pragma once

#include <cstdint>

namespace longwave::kernels {

/// A sequence [b, t, ...] whose last axes are contiguous, by the strides of its rows and steps. Null data: none.
template <class T>
struct Steps {
  T* data = nullptr;
  std::int64_t row_stride = 0, step_stride = 0;
  T* at(std::int64_t row, std::int64_t step) const { return data + row * row_stride + step * step_stride; }
};

}  // namespace longwave::kernels
