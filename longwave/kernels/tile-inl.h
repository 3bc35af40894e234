// Included once per instruction set, after highway.h: no include guard of its own.
// Products of small matrices in cache. Rows of every tile are padded to a multiple of kPad floats.
#if defined(LONGWAVE_KERNELS_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_TILE_INL_H
#undef LONGWAVE_KERNELS_TILE_INL_H
#else
#define LONGWAVE_KERNELS_TILE_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include <hwy/highway.h>

#include "longwave/kernels/tile.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using TileTag = hn::CappedTag<float, 16>;

/// The left factor of a product: element (i, k) lies at data[i * row + k * column].
struct Left {
  const float* data;
  std::int64_t row, column;
};

/// Which part of the product exists. lower: the left factor is lower triangular; upper: it is upper triangular (the
/// transpose of a lower one); lower_result: only the lower triangle of the result is wanted.
enum class Part { all, lower, upper, lower_result };

/// c[i, j] (+)= sum over k in [k0, k1) of a(i, k) b[k, j], for kRows rows and kVectors vectors of columns.
template <int kRows, int kVectors, bool kAdd>
HWY_INLINE void product_block(Left a, const float* b, std::int64_t ldb, float* c, std::int64_t ldc, std::int64_t k0,
                              std::int64_t k1) {
  const TileTag tag;
  constexpr auto kLanes = hn::MaxLanes(tag);
  hn::Vec<TileTag> sum[kRows][kVectors];
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kVectors; ++j) sum[i][j] = kAdd ? hn::LoadU(tag, c + i * ldc + j * kLanes) : hn::Zero(tag);
  const float* left = a.data + k0 * a.column;
  const float* right = b + k0 * ldb;
  for (auto k = k0; k < k1; ++k, left += a.column, right += ldb) {
    hn::Vec<TileTag> row[kVectors];
    for (int j = 0; j < kVectors; ++j) row[j] = hn::LoadU(tag, right + j * kLanes);
    for (int i = 0; i < kRows; ++i) {
      const auto factor = hn::Set(tag, left[i * a.row]);
      for (int j = 0; j < kVectors; ++j) sum[i][j] = hn::MulAdd(factor, row[j], sum[i][j]);
    }
  }
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kVectors; ++j) hn::StoreU(sum[i][j], tag, c + i * ldc + j * kLanes);
}

template <int kRows, bool kAdd>
HWY_INLINE void product_rows(std::int64_t n, Left a, const float* b, std::int64_t ldb, float* c, std::int64_t ldc,
                             std::int64_t k0, std::int64_t k1) {
  const TileTag tag;
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(tag));
  constexpr int kVectors = kLanes == 16 ? 4 : 2;  // 32 or 16 registers
  std::int64_t j = 0;
  for (; j + kVectors * kLanes <= n; j += kVectors * kLanes)
    product_block<kRows, kVectors, kAdd>(a, b + j, ldb, c + j, ldc, k0, k1);
  for (; j < n; j += kLanes) product_block<kRows, 1, kAdd>(a, b + j, ldb, c + j, ldc, k0, k1);
}

/// c [m, n] (+)= a [m, depth] b [depth, n]; n is rounded up to kPad.
template <bool kAdd>
HWY_NOINLINE void product(std::int64_t m, std::int64_t n, std::int64_t depth, Left a, const float* b, std::int64_t ldb,
                          float* c, std::int64_t ldc, Part part = Part::all) {
  const auto rows = [&](auto count, std::int64_t i) HWY_ATTR {
    constexpr int kRows = decltype(count)::value;
    const auto k0 = part == Part::upper ? std::min(i, depth) : 0;
    const auto k1 = part == Part::lower ? std::min(depth, i + kRows) : depth;
    const auto columns = part == Part::lower_result ? std::min(n, i + kRows) : n;
    product_rows<kRows, kAdd>(padded(columns), {a.data + i * a.row, a.row, a.column}, b, ldb, c + i * ldc, ldc, k0, k1);
  };
  std::int64_t i = 0;
  for (; i + 6 <= m; i += 6) rows(std::integral_constant<int, 6>(), i);
  if (i + 4 <= m) rows(std::integral_constant<int, 4>(), i), i += 4;
  if (i + 2 <= m) rows(std::integral_constant<int, 2>(), i), i += 2;
  if (i < m) rows(std::integral_constant<int, 1>(), i);
}

/// y [columns, rows] = x' for x [rows, columns]; ldy at least padded(rows). Columns of y beyond `rows` become zero.
HWY_INLINE void transpose(std::int64_t rows, std::int64_t columns, const float* x, std::int64_t ldx, float* y,
                          std::int64_t ldy) {
  std::int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> four;
  const hn::RepartitionToWide<decltype(four)> pairs;
  for (; i + 4 <= rows; i += 4) {
    std::int64_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      const float* from = x + i * ldx + j;
      const auto r0 = hn::LoadU(four, from), r1 = hn::LoadU(four, from + ldx), r2 = hn::LoadU(four, from + 2 * ldx),
                 r3 = hn::LoadU(four, from + 3 * ldx);
      const auto a = hn::BitCast(pairs, hn::InterleaveLower(four, r0, r1)),
                 b = hn::BitCast(pairs, hn::InterleaveLower(four, r2, r3)),
                 c = hn::BitCast(pairs, hn::InterleaveUpper(four, r0, r1)),
                 d = hn::BitCast(pairs, hn::InterleaveUpper(four, r2, r3));
      float* to = y + j * ldy + i;
      hn::StoreU(hn::BitCast(four, hn::InterleaveLower(pairs, a, b)), four, to);
      hn::StoreU(hn::BitCast(four, hn::InterleaveUpper(pairs, a, b)), four, to + ldy);
      hn::StoreU(hn::BitCast(four, hn::InterleaveLower(pairs, c, d)), four, to + 2 * ldy);
      hn::StoreU(hn::BitCast(four, hn::InterleaveUpper(pairs, c, d)), four, to + 3 * ldy);
    }
    for (; j < columns; ++j)
      for (std::int64_t r = i; r < i + 4; ++r) y[j * ldy + r] = x[r * ldx + j];
  }
#endif
  for (; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) y[j * ldy + i] = x[i * ldx + j];
  if (rows < padded(rows))
    for (std::int64_t j = 0; j < columns; ++j) std::fill(y + j * ldy + rows, y + j * ldy + padded(rows), 0.0f);
}

/// to = factor * from, n numbers and zeros up to padded(n).
HWY_INLINE void copy_padded(float factor, const float* from, float* to, std::int64_t n) {
  const TileTag tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto scale = hn::Set(tag, factor);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(scale, hn::LoadU(tag, from + i)), tag, to + i);
  for (; i < n; ++i) to[i] = factor * from[i];
  for (const auto end = padded(n); i < end; ++i) to[i] = 0;
}

/// to = factor * from, n numbers and nothing behind them.
HWY_INLINE void copy_numbers(float factor, const float* from, float* to, std::int64_t n) {
  const TileTag tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto scale = hn::Set(tag, factor);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(scale, hn::LoadU(tag, from + i)), tag, to + i);
  for (; i < n; ++i) to[i] = factor * from[i];
}

/// Calls body(tag, i) for i = 0, lanes, ... over a padded row of n floats.
template <class Body>
HWY_INLINE void for_padded(std::int64_t n, Body body) {
  const TileTag tag;
  for (std::int64_t i = 0; i < n; i += static_cast<std::int64_t>(hn::Lanes(tag))) body(tag, i);
}

/// y = factor * x over a padded row.
HWY_INLINE void scale_row(float factor, const float* x, float* y, std::int64_t n) {
  for_padded(n, [&](auto tag, std::int64_t i)
                    HWY_ATTR { hn::StoreU(hn::Mul(hn::Set(tag, factor), hn::LoadU(tag, x + i)), tag, y + i); });
}

/// y += factor * x over a padded row.
HWY_INLINE void add_row(float factor, const float* x, float* y, std::int64_t n) {
  for_padded(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(tag, factor), hn::LoadU(tag, x + i), hn::LoadU(tag, y + i)), tag, y + i);
  });
}

/// y = x * w over a padded row.
HWY_INLINE void multiply_row(const float* x, const float* w, float* y, std::int64_t n) {
  for_padded(n, [&](auto tag, std::int64_t i)
                    HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(tag, w + i), hn::LoadU(tag, x + i)), tag, y + i); });
}

/// y += x * w over a padded row.
HWY_INLINE void multiply_add_row(const float* x, const float* w, float* y, std::int64_t n) {
  for_padded(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::LoadU(tag, w + i), hn::LoadU(tag, x + i), hn::LoadU(tag, y + i)), tag, y + i);
  });
}

/// Sum of x * w over a padded row.
HWY_INLINE float dot_row(const float* x, const float* w, std::int64_t n) {
  const TileTag tag;
  auto sum = hn::Zero(tag);
  for_padded(
      n, [&](auto, std::int64_t i) HWY_ATTR { sum = hn::MulAdd(hn::LoadU(tag, w + i), hn::LoadU(tag, x + i), sum); });
  return hn::GetLane(hn::SumOfLanes(tag, sum));
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
