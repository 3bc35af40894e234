// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_TILE_PRODUCT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_TILE_PRODUCT_INL_H
#undef LONGWAVE_KERNELS_TILE_PRODUCT_INL_H
#else
#define LONGWAVE_KERNELS_TILE_PRODUCT_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// c = a b, or c += a b, for few columns: c [rows, vectors * lanes] with rows c_row apart; a [rows, depth] with any
/// strides; row k of b is `vectors` whole vectors b_vector apart at b + k b_step. Each number is one sum in the order
/// of k, whatever the other rows and columns are.
struct TileProduct {
  std::int64_t rows, depth;
  const float* a;
  std::int64_t a_row, a_step;
  const float* b;
  std::int64_t b_step, b_vector;
  float* c;
  std::int64_t c_row;
  bool accumulate;
};

#if HWY_ARCH_ARM || (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3)
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif
/// Rows of the register tile: as many as leave registers for numbers of a and b.
constexpr int rows_of_tile(int vectors) {
  return vectors == 4 && kRegisters == 32 ? 6 : std::min(8, (kRegisters - 4) / vectors);
}

template <int kRows, int kVectors>
HWY_INLINE void tile_product(const TileProduct& p, const float* a, float* c) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sums[row][v] = p.accumulate ? hn::LoadU(d, c + row * p.c_row + v * lanes) : hn::Zero(d);
  }
  const float* b = p.b;
  for (std::int64_t k = 0; k < p.depth; ++k, b += p.b_step, a += p.a_step) {
    V row_of_b[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) row_of_b[v] = hn::LoadU(d, b + v * p.b_vector);
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      const auto factor = hn::Set(d, a[row * p.a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[row][v] = hn::MulAdd(factor, row_of_b[v], sums[row][v]);
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sums[row][v], d, c + row * p.c_row + v * lanes);
  }
}

template <int kVectors>
HWY_NOINLINE void product_of_columns(const TileProduct& p) {
  constexpr int kMost = rows_of_tile(kVectors);
  const auto blocks = (p.rows + kMost - 1) / kMost;
  for (std::int64_t block = 0; block < blocks; ++block) {
    const auto begin = block * p.rows / blocks, end = (block + 1) * p.rows / blocks;
    const float* a = p.a + begin * p.a_row;
    float* c = p.c + begin * p.c_row;
    switch (end - begin) {
      case 1:
        tile_product<1, kVectors>(p, a, c);
        break;
      case 2:
        tile_product<2, kVectors>(p, a, c);
        break;
      case 3:
        tile_product<3, kVectors>(p, a, c);
        break;
      case 4:
        tile_product<std::min(4, kMost), kVectors>(p, a, c);
        break;
      case 5:
        tile_product<std::min(5, kMost), kVectors>(p, a, c);
        break;
      case 6:
        tile_product<std::min(6, kMost), kVectors>(p, a, c);
        break;
      case 7:
        tile_product<std::min(7, kMost), kVectors>(p, a, c);
        break;
      case 8:
        tile_product<std::min(8, kMost), kVectors>(p, a, c);
        break;
    }
  }
}

/// The product for 1 to 4 vectors of columns.
HWY_INLINE void tile_product(const TileProduct& p, std::int64_t vectors) {
  switch (vectors) {
    case 1:
      return product_of_columns<1>(p);
    case 2:
      return product_of_columns<2>(p);
    case 3:
      return product_of_columns<3>(p);
    default:
      return product_of_columns<4>(p);
  }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
