// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_PARTS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_PARTS_INL_H
#undef LONGWAVE_KERNELS_PARTS_INL_H
#else
#define LONGWAVE_KERNELS_PARTS_INL_H
#endif

#include <algorithm>

#include "longwave/kernels/lanes-inl.h"

// Sums over rows are made in parts, whose number the shape alone decides, and then added up in order: same bits for any
// number of threads.

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// Adds the other parts to the first and writes n numbers of the sum.
HWY_INLINE void reduce_parts(float* first, std::int64_t parts, std::int64_t distance, std::int64_t n, float* to) {
  constexpr std::int64_t kBlock = 1 << 13;
#pragma omp parallel for schedule(static) if (n > kBlock)
  for (std::int64_t at = 0; at < n; at += kBlock) {
    const auto count = std::min(kBlock, n - at);
    if (to != first) std::copy_n(first + at, count, to + at);
    for (std::int64_t part = 1; part < parts; ++part) add_scaled(1, first + part * distance + at, to + at, count);
  }
}

/// to [columns, rows] = x' with x [rows, columns].
HWY_INLINE void transpose(const float* x, std::int64_t rows, std::int64_t columns, float* to) {
  constexpr std::int64_t kBlock = 16;
#pragma omp parallel for schedule(static) if (rows * columns > (1 << 16))
  for (std::int64_t j = 0; j < columns; j += kBlock)
    for (std::int64_t i = 0; i < rows; i += kBlock)
      for (auto column = j; column < std::min(columns, j + kBlock); ++column)
        for (auto row = i; row < std::min(rows, i + kBlock); ++row) to[column * rows + row] = x[row * columns + column];
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
