// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_PANELS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_PANELS_INL_H
#undef LONGWAVE_KERNELS_PANELS_INL_H
#else
#define LONGWAVE_KERNELS_PANELS_INL_H
#endif

#include <algorithm>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "longwave/kernels/panels.h"

// Matrix products of tiles that fit in the caches. The left-hand side is read where it lies, one number at a time into
// all lanes; the right-hand side is packed once and used for many tiles. At depths of 64 to 256 this is quicker than a
// BLAS, which packs both sides in every call.

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Panels [first, last) of b [k, n] (see panels.h) to `panels`.
HWY_INLINE void pack_panels(Strided b, std::int64_t k, std::int64_t n, std::int64_t first, std::int64_t last,
                            float* panels) {
  constexpr std::int64_t kDepth = 16;  // a cache line of a transposed matrix
  for (auto panel = first; panel < last; ++panel) {
    const auto column = panel * kPanel, width = std::min(kPanel, n - column);
    float* to = panels + column * k;
    for (std::int64_t p = 0; p < k; p += kDepth) {
      const auto depth = std::min(kDepth, k - p);
      for (std::int64_t i = p; i < p + depth; ++i) {
        const float* from = b.data + i * b.row_stride + column * b.column_stride;
        if (b.column_stride == 1)
          std::copy_n(from, width, to + i * kPanel);
        else
          for (std::int64_t j = 0; j < width; ++j) to[i * kPanel + j] = from[j * b.column_stride];
        std::fill(to + i * kPanel + width, to + (i + 1) * kPanel, 0.0f);
      }
    }
  }
}

/// Packs a whole weight b [k, n]; returns where the next one goes.
HWY_INLINE float* pack_weight(Strided b, std::int64_t k, std::int64_t n, float* panels) {
  const auto count = in_panels(n) / kPanel;
#pragma omp parallel for schedule(static) if (k * n > (1 << 16))
  for (std::int64_t panel = 0; panel < count; ++panel) pack_panels(b, k, n, panel, panel + 1, panels);
  return panels + count * kPanel * k;
}

#if HWY_HAVE_SCALABLE
using PanelTag = hn::CappedTag<float, 4>;
constexpr int kBlockVectors = 1;
HWY_INLINE std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(PanelTag())); }
#else
using PanelTag = hn::CappedTag<float, 16>;
constexpr int kBlockVectors = hn::MaxLanes(PanelTag()) >= 16 ? 4 : 2;  // of 32 or 16 registers
constexpr std::int64_t lanes() { return hn::MaxLanes(PanelTag()); }
#endif

constexpr int kBlockRows = 6;

/// c [kRows, kVectors of lanes] = a [kRows, k] b [k, the same] + (accumulate ? c : 0), sums in registers.
template <int kRows, int kVectors>
HWY_INLINE void register_block(Strided a, const float* b, std::int64_t k, bool accumulate, float* c,
                               std::int64_t c_stride) {
  const PanelTag tag;
#if HWY_HAVE_SCALABLE
  for (int i = 0; i < kRows; ++i) {
    auto sum = accumulate ? hn::LoadU(tag, c + i * c_stride) : hn::Zero(tag);
    for (std::int64_t p = 0; p < k; ++p)
      sum =
          hn::MulAdd(hn::Set(tag, a.data[i * a.row_stride + p * a.column_stride]), hn::LoadU(tag, b + p * kPanel), sum);
    hn::StoreU(sum, tag, c + i * c_stride);
  }
#else
  hn::Vec<PanelTag> sums[kRows][kVectors];
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kVectors; ++j)
      sums[i][j] = accumulate ? hn::LoadU(tag, c + i * c_stride + j * lanes()) : hn::Zero(tag);
  for (std::int64_t p = 0; p < k; ++p) {
    hn::Vec<PanelTag> right[kVectors];
    for (int j = 0; j < kVectors; ++j) right[j] = hn::LoadU(tag, b + p * kPanel + j * lanes());
    for (int i = 0; i < kRows; ++i) {
      const auto left = hn::Set(tag, a.data[i * a.row_stride + p * a.column_stride]);
      for (int j = 0; j < kVectors; ++j) sums[i][j] = hn::MulAdd(left, right[j], sums[i][j]);
    }
  }
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kVectors; ++j) hn::StoreU(sums[i][j], tag, c + i * c_stride + j * lanes());
#endif
}

/// The same where only `columns` numbers of a row of c exist.
template <int kRows, int kVectors>
HWY_INLINE void narrow_block(Strided a, const float* b, std::int64_t k, std::int64_t columns, bool accumulate, float* c,
                             std::int64_t c_stride) {
  constexpr std::int64_t kWide = kPanel / 4 * kVectors;
  float buffer[kRows * kWide] = {};
  for (int i = 0; accumulate && i < kRows; ++i) std::copy_n(c + i * c_stride, columns, buffer + i * kWide);
  register_block<kRows, kVectors>(a, b, k, accumulate, buffer, kWide);
  for (int i = 0; i < kRows; ++i) std::copy_n(buffer + i * kWide, columns, c + i * c_stride);
}

/// c [m, columns] with columns <= kVectors * lanes().
template <int kVectors>
void column_product(std::int64_t m, std::int64_t columns, std::int64_t k, Strided a, const float* b, bool accumulate,
                    float* c, std::int64_t c_stride) {
  std::int64_t i = 0;
  const auto run = [&]<int kRows>(std::integral_constant<int, kRows>) HWY_ATTR {
    for (; i + kRows <= m; i += kRows) {
      const Strided rows{a.data + i * a.row_stride, a.row_stride, a.column_stride};
      float* to = c + i * c_stride;
      // Sums of earlier tiles may lie far away: ask for those of the next block now.
      for (auto next = i + kRows; accumulate && next < std::min(m, i + 2 * kRows); ++next)
        for (std::int64_t j = 0; j < columns; j += 16) hwy::Prefetch(c + next * c_stride + j);
      if (columns == kVectors * lanes())
        register_block<kRows, kVectors>(rows, b, k, accumulate, to, c_stride);
      else
        narrow_block<kRows, kVectors>(rows, b, k, columns, accumulate, to, c_stride);
    }
  };
  run(std::integral_constant<int, kBlockRows>());
  run(std::integral_constant<int, 4>());
  run(std::integral_constant<int, 2>());
  run(std::integral_constant<int, 1>());
}

/// c [m, columns] of one panel.
HWY_INLINE void panel_product(std::int64_t m, std::int64_t columns, std::int64_t k, Strided a, const float* panel,
                              bool accumulate, float* c, std::int64_t c_stride) {
  for (std::int64_t j = 0; j < columns;) {
    const auto rest = columns - j, vectors = (rest + lanes() - 1) / lanes();
    const auto run = [&]<int kVectors>(std::integral_constant<int, kVectors>) HWY_ATTR {
      const auto width = std::min(rest, kVectors * lanes());
      column_product<kVectors>(m, width, k, a, panel + j, accumulate, c + j, c_stride);
      j += width;
    };
    if constexpr (kBlockVectors >= 4)
      if (vectors > 2) {
        run(std::integral_constant<int, 4>());
        continue;
      }
    if constexpr (kBlockVectors >= 2)
      if (vectors > 1) {
        run(std::integral_constant<int, 2>());
        continue;
      }
    run(std::integral_constant<int, 1>());
  }
}

/// c [m, n] = a [m, k] b [k, n] + (accumulate ? c : 0) with b in panels that are `panel_stride` floats apart. Deep
/// products go in steps whose part of a panel stays in the level-1 cache.
HWY_INLINE void product(std::int64_t m, std::int64_t n, std::int64_t k, Strided a, const float* panels,
                        std::int64_t panel_stride, bool accumulate, float* c, std::int64_t c_stride) {
  constexpr std::int64_t kDepth = 128;
  for (std::int64_t j = 0; j < n; j += kPanel)
    for (std::int64_t p = 0; p < k;) {
      const auto depth = k - p < 2 * kDepth ? (k - p > kDepth + kDepth / 2 ? (k - p + 1) / 2 : k - p) : kDepth;
      const Strided left{a.data + p * a.column_stride, a.row_stride, a.column_stride};
      panel_product(m, std::min(kPanel, n - j), depth, left, panels + j / kPanel * panel_stride + p * kPanel,
                    accumulate || p > 0, c + j, c_stride);
      p += depth;
    }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
