#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace longwave::kernels {

/// Rows that meet weights are worked on in tiles, and a tile in steps, by the shape alone. What is between two products
/// of a step stays in the level-2 cache; where the weights (`weights` numbers) do not, a tile has several steps, so
/// that a block of them is fetched once for all.
struct RowTiles {
  std::int64_t step, tile, count;  // rows of a step and of a tile, multiples of what a product takes at once; tiles
  RowTiles(std::int64_t rows, std::int64_t weights) {
    constexpr std::int64_t kStep = 144, kSmall = 48, kUnit = 6;
    const auto most = weights > (128 << 10) ? 4 * kStep : kStep;
    auto tiles = std::max<std::int64_t>(1, (rows + most - 1) / most);
    if (rows >= kSmall) tiles = (tiles + 1) / 2 * 2;  // an even number, for two cores
    const auto of_tile = (rows + tiles - 1) / tiles, steps = std::max<std::int64_t>(1, (of_tile + kStep - 1) / kStep);
    step = std::max<std::int64_t>(kUnit, ((of_tile + steps - 1) / steps + kUnit - 1) / kUnit * kUnit);
    tile = steps * step;
    count = (rows + tile - 1) / tile;
  }

  /// How many partial sums over rows, each of `sums` numbers: bounded in number, in memory (32 MiB) and, since each is
  /// written and read once more, by four tiles for each; at least two so that two cores work, and a power of two so
  /// that they share the work evenly.
  std::int64_t parts(std::int64_t sums) const {
    const auto most = std::min<std::int64_t>({16, (8 << 20) / sums, count / 4});
    return std::min(count, static_cast<std::int64_t>(std::bit_floor<std::uint64_t>(std::max<std::int64_t>(most, 2))));
  }
};

}  // namespace longwave::kernels
