#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Right-hand sides of matrix products are packed in panels of this many columns: a matrix [k, n] as
/// [ceil(n / kPanel), k, kPanel], the last panel filled up with zeros.
constexpr std::int64_t kPanel = 64;

/// n rounded up to whole panels.
constexpr std::int64_t in_panels(std::int64_t n) { return (n + kPanel - 1) / kPanel * kPanel; }

/// n rounded up to whole vectors of any instruction set, so that what follows n floats is aligned.
constexpr std::int64_t whole(std::int64_t n) { return (n + 15) / 16 * 16; }

/// Element (i, j) of a matrix is data[i * row_stride + j * column_stride]; one of the strides is 1.
struct Strided {
  const float* data;
  std::int64_t row_stride, column_stride;
};

/// A row-major matrix with rows `stride` apart, and its transpose.
constexpr Strided rows_of(const float* data, std::int64_t stride) { return {data, stride, 1}; }
constexpr Strided columns_of(const float* data, std::int64_t stride) { return {data, 1, stride}; }

}  // namespace longwave::kernels
