#pragma once

#include <algorithm>
#include <cstdint>

namespace longwave::kernels {

/// Rows of a work item, for kernels that go row by row.
constexpr std::int64_t kRowBlock = 64;

/// Parts that sums over rows are split into, each added up by itself: they depend on the shape, not on the threads.
inline std::int64_t row_parts(std::int64_t rows) { return std::clamp<std::int64_t>(rows / kRowBlock, 1, 16); }

}  // namespace longwave::kernels
