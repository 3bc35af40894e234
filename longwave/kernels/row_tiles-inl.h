// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_ROW_TILES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_ROW_TILES_INL_H
#undef LONGWAVE_KERNELS_ROW_TILES_INL_H
#else
#define LONGWAVE_KERNELS_ROW_TILES_INL_H
#endif

#include <algorithm>

#include "longwave/kernels/panels-inl.h"
#include "longwave/kernels/row_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// Some consecutive rows.
struct Tile {
  std::int64_t row, rows;

  /// Calls body(step, its first row within the tile) for the steps of the tile.
  template <class Body>
  HWY_INLINE void for_steps(std::int64_t most, Body body) const {
    for (std::int64_t at = 0; at < rows; at += most) body(Tile{row + at, std::min(most, rows - at)}, at);
  }
};

/// The rows x of a tile as right-hand sides: the panels of a step that begins `at` rows into the tile lie at
/// at * in_panels(n).
inline const float* tile_panels(const float* x, Tile tile, std::int64_t step, std::int64_t n, float* buffer) {
  if (n == kPanel) return x;
  tile.for_steps(step, [&](Tile some, std::int64_t at) HWY_ATTR {
    pack_panels(rows_of(x + at * n, n), some.rows, n, 0, in_panels(n) / kPanel, buffer + at * in_panels(n));
  });
  return buffer;
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
